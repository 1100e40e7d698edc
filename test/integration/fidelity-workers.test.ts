import { DIRECTIONS } from "../fidelity/directions.ts";
import { testFidelity } from "../fidelity/table.ts";
import { inProcessWith } from "../fidelity/relay-under-test.ts";

// Workers run the same relay: the two directions that the executable's workers are not tried in.
testFidelity(inProcessWith(3), {
  quiet: false,
  directions: DIRECTIONS.slice(0, 2),
  otherFamilies: [],
});
