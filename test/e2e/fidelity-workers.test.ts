import { DIRECTIONS, OTHER_FAMILIES } from "../fidelity/directions.ts";
import { executablePath } from "../support/process/executable.ts";
import { testFidelity } from "../fidelity/table.ts";
import { executableWith } from "../fidelity/relay-under-test.ts";

// Built before the first row that it would make slow.
await executablePath();
// Workers run the same relay: the two directions that workers in process are not tried in.
testFidelity(executableWith(3), {
  quiet: true,
  directions: DIRECTIONS.slice(2),
  otherFamilies: OTHER_FAMILIES.slice(0, 1),
});
