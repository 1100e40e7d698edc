import { testBytePath } from "../support/byte-path-test.ts";
import { inProcess } from "../support/relay-under-test.ts";

testBytePath(inProcess, { runs: 12, seconds: 8 });
