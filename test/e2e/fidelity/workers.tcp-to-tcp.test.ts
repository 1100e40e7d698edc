import { TCP_TO_TCP } from "../../fidelity/directions.ts";
import { executableWith } from "../../fidelity/relay-under-test.ts";
import { testFidelity } from "../../fidelity/table.ts";
import { executablePath } from "../../support/process/executable.ts";

// Built before the first row that it would make slow.
await executablePath();
// The other two directions are tried with workers in process.
testFidelity(executableWith(3), {
  file: import.meta.path,
  directions: [TCP_TO_TCP],
  measuresCpu: true,
});
