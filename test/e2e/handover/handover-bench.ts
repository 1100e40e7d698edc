import { afterAll, afterEach, beforeAll, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InstalledExecutable } from "../../support/process/installed-executable.ts";
import { type EchoServer, startEcho } from "../../support/sockets/echo.ts";

// The executable is copied, and is built before that if there is none.
const INSTALL = 120_000;

/** What the tests of a handover work with. */
export interface HandoverBench {
  /** The executable at a path where a test can replace it; the same for all tests of a file. */
  readonly executable: InstalledExecutable;
  /** A folder of the running test. */
  readonly folder: string;
  /** A destination of the running test. */
  readonly echo: EchoServer;
}

/** Makes the bench of a test file. Call this function once, outside the tests. */
export function handoverBench(): HandoverBench {
  let executable: InstalledExecutable;
  let folder: string;
  let echo: EchoServer;
  beforeAll(async () => void (executable = await InstalledExecutable.install()), INSTALL);
  afterAll(() => executable[Symbol.dispose]());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "handover-"));
    echo = startEcho();
  });
  afterEach(() => {
    echo[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  return {
    get executable() {
      return executable;
    },
    get folder() {
      return folder;
    },
    get echo() {
      return echo;
    },
  };
}
