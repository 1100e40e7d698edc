import { TCP_TO_TCP } from "../../fidelity/directions.ts";
import { inProcessCrowded } from "../../fidelity/relay-under-test.ts";
import { testFidelity } from "../../fidelity/table.ts";

testFidelity(inProcessCrowded(), { file: import.meta.path, directions: [TCP_TO_TCP] });
