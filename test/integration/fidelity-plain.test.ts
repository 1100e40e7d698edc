import { DIRECTIONS } from "../fidelity/directions.ts";
import { testFidelity } from "../fidelity/table.ts";
import { inProcessPlain } from "../fidelity/relay-under-test.ts";

// Where bulk goes another way: the directions in which it is spliced, and in which it is copied.
testFidelity(inProcessPlain, {
  quiet: false,
  directions: DIRECTIONS.slice(0, 2),
  otherFamilies: [],
});
