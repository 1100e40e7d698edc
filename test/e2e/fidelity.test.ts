import { executablePath } from "../support/executable.ts";
import { testFidelity } from "../support/fidelity-table.ts";
import { executable } from "../support/relay-under-test.ts";

// Built before the first row that it would make slow.
await executablePath();
testFidelity(executable, { quiet: true });
