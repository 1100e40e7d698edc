import { executablePath } from "../../support/process/executable.ts";
import { testBytePath } from "../../fidelity/byte-path-test.ts";
import { executable, executableWith } from "../../fidelity/relay-under-test.ts";

// Built before the first row that it would make slow.
await executablePath();
testBytePath(executable, { runs: 4, seconds: 4, file: import.meta.path });
testBytePath(executableWith(3), { runs: 2, seconds: 2, file: import.meta.path });
