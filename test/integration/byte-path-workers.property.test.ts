import { testBytePath } from "../support/byte-path-test.ts";
import { inProcessWith } from "../support/relay-under-test.ts";

testBytePath(inProcessWith(3), { runs: 6, seconds: 3 });
