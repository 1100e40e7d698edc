import { TCP_TO_TCP } from "../../fidelity/directions.ts";
import { executable } from "../../fidelity/relay-under-test.ts";
import { testFidelity } from "../../fidelity/table.ts";
import { executablePath } from "../../support/process/executable.ts";

// Built before the first row that it would make slow.
await executablePath();
testFidelity(executable, { file: import.meta.path, directions: [TCP_TO_TCP], measuresCpu: true });
