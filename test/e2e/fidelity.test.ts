import { executablePath } from "../support/process/executable.ts";
import { testFidelity } from "../fidelity/table.ts";
import { executable } from "../fidelity/relay-under-test.ts";

// Built before the first row that it would make slow.
await executablePath();
testFidelity(executable, { quiet: true });
