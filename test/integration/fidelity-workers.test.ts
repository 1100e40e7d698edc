import { DIRECTIONS } from "../support/directions.ts";
import { testFidelity } from "../support/fidelity-table.ts";
import { inProcessWith } from "../support/relay-under-test.ts";

// Workers run the same relay: the two directions that the executable's workers are not tried in.
testFidelity(inProcessWith(3), {
  quiet: false,
  directions: DIRECTIONS.slice(0, 2),
  otherFamilies: [],
});
