import { testFidelity } from "../fidelity/table.ts";
import { inProcess } from "../fidelity/relay-under-test.ts";

// What the processor does for the relay cannot be told from what it does for the test's own ends.
testFidelity(inProcess, { quiet: false });
