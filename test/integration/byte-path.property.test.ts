import { testBytePath } from "../fidelity/byte-path-test.ts";
import { inProcess, inProcessPlain, inProcessWith } from "../fidelity/relay-under-test.ts";

testBytePath(inProcess, { runs: 12, seconds: 8 });
testBytePath(inProcessPlain, { runs: 6, seconds: 3 });
testBytePath(inProcessWith(3), { runs: 6, seconds: 3 });
