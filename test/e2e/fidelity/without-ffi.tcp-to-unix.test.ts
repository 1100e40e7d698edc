import { TCP_TO_UNIX } from "../../fidelity/directions.ts";
import { DIFFERENCES_WITHOUT_FFI } from "../../fidelity/known-differences.ts";
import { executableWithoutFfi } from "../../fidelity/relay-under-test.ts";
import { testFidelity } from "../../fidelity/table.ts";
import { executablePath } from "../../support/process/executable.ts";

// Built before the first row that it would make slow.
await executablePath();
testFidelity(executableWithoutFfi, {
  file: import.meta.path,
  directions: [TCP_TO_UNIX],
  measuresCpu: true,
  differences: DIFFERENCES_WITHOUT_FFI,
});
