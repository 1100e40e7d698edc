import { TCP_TO_UNIX } from "../../fidelity/directions.ts";
import { inProcessPlain } from "../../fidelity/relay-under-test.ts";
import { testFidelity } from "../../fidelity/table.ts";

testFidelity(inProcessPlain, { file: import.meta.path, directions: [TCP_TO_UNIX] });
