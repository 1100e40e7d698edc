import { testBytePath } from "../../fidelity/byte-path-test.ts";
import { inProcessPlain } from "../../fidelity/relay-under-test.ts";

testBytePath(inProcessPlain, { runs: 6, seconds: 3, file: import.meta.path });
