import { UNIX_TO_TCP } from "../../fidelity/directions.ts";
import { inProcessWith } from "../../fidelity/relay-under-test.ts";
import { testFidelity } from "../../fidelity/table.ts";

testFidelity(inProcessWith(3), { file: import.meta.path, directions: [UNIX_TO_TCP] });
