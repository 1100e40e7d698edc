import { testFidelity } from "../support/fidelity-table.ts";
import { executable } from "../support/relay-under-test.ts";

testFidelity(executable, { quiet: true });
