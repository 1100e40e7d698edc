import { UNIX_TO_UNIX } from "../../fidelity/directions.ts";
import { inProcessCrowded } from "../../fidelity/relay-under-test.ts";
import { testFidelity } from "../../fidelity/table.ts";

testFidelity(inProcessCrowded(), { file: import.meta.path, directions: [UNIX_TO_UNIX] });
