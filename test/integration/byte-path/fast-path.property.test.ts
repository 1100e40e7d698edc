import { testBytePath } from "../../fidelity/byte-path-test.ts";
import { inProcess } from "../../fidelity/relay-under-test.ts";

testBytePath(inProcess, { runs: 12, seconds: 8, file: import.meta.path });
