import { OTHER_FAMILIES, TCP_TO_TCP, UNIX_TO_UNIX } from "../fidelity/directions.ts";
import { executableWith } from "../fidelity/relay-under-test.ts";
import { testBytes, testFidelity } from "../fidelity/table.ts";
import { executablePath } from "../support/process/executable.ts";

// Built before the first row that it would make slow.
await executablePath();
// Workers run the same relay: the two directions that workers in process are not tried in.
testFidelity(executableWith(3), { directions: [TCP_TO_TCP, UNIX_TO_UNIX], measuresCpu: true });
testBytes(executableWith(3), OTHER_FAMILIES.slice(0, 1));
