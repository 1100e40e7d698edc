import { DIRECTIONS, OTHER_FAMILIES } from "../fidelity/directions.ts";
import { DIFFERENCES_WITHOUT_FFI } from "../fidelity/known-differences.ts";
import { executableWithoutFfi } from "../fidelity/relay-under-test.ts";
import { testBytes, testFidelity } from "../fidelity/table.ts";
import { executablePath } from "../support/process/executable.ts";

// Built before the first row that it would make slow.
await executablePath();
testFidelity(executableWithoutFfi, {
  directions: DIRECTIONS,
  measuresCpu: true,
  differences: DIFFERENCES_WITHOUT_FFI,
});
testBytes(executableWithoutFfi, OTHER_FAMILIES.slice(0, 1));
