import { testBytePath } from "../../fidelity/byte-path-test.ts";
import { inProcessWith } from "../../fidelity/relay-under-test.ts";

testBytePath(inProcessWith(3), { runs: 6, seconds: 3, file: import.meta.path });
