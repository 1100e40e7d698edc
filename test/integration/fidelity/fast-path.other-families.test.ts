import { OTHER_FAMILIES } from "../../fidelity/directions.ts";
import { inProcess } from "../../fidelity/relay-under-test.ts";
import { testBytes } from "../../fidelity/table.ts";

testBytes(inProcess, { file: import.meta.path, directions: OTHER_FAMILIES });
