import { DIRECTIONS, OTHER_FAMILIES } from "../fidelity/directions.ts";
import { executable } from "../fidelity/relay-under-test.ts";
import { testBytes, testFidelity } from "../fidelity/table.ts";
import { executablePath } from "../support/process/executable.ts";

// Built before the first row that it would make slow.
await executablePath();
testFidelity(executable, { directions: DIRECTIONS, measuresCpu: true });
testBytes(executable, OTHER_FAMILIES);
