import { testBytePath } from "../support/byte-path-test.ts";
import { executable } from "../support/relay-under-test.ts";

testBytePath(executable, { runs: 4, seconds: 4 });
