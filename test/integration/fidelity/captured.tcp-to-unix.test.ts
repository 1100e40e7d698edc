import { TCP_TO_UNIX } from "../../fidelity/directions.ts";
import { inProcessCaptured } from "../../fidelity/relay-under-test.ts";
import { testFidelity } from "../../fidelity/table.ts";

testFidelity(inProcessCaptured, { file: import.meta.path, directions: [TCP_TO_UNIX] });
