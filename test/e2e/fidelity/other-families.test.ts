import { OTHER_FAMILIES } from "../../fidelity/directions.ts";
import {
  executable,
  executableWith,
  executableWithoutFfi,
} from "../../fidelity/relay-under-test.ts";
import { testBytes } from "../../fidelity/table.ts";
import { executablePath } from "../../support/process/executable.ts";

// Built before the first row that it would make slow.
await executablePath();
testBytes(executable, { file: import.meta.path, directions: OTHER_FAMILIES });
testBytes(executableWith(3), { file: import.meta.path, directions: OTHER_FAMILIES.slice(0, 1) });
testBytes(executableWithoutFfi, { file: import.meta.path, directions: OTHER_FAMILIES.slice(0, 1) });
