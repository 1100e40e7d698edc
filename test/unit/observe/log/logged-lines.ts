import { afterEach, beforeEach, expect } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLog, type LogLevel } from "../../../../src/observe/log/log.ts";
import { folderForEachTest } from "../../../support/temporary-folder.ts";

/** A line as an object without its time. */
export type Line = Record<string, unknown>;

/** Gives each test of a file a log of its own, which is removed after the test. */
export function loggedLines() {
  let path: string;
  let descriptor: number;
  folderForEachTest("log", (folder) => void (path = join(folder, "log")));
  beforeEach(() => void (descriptor = openSync(path, "a")));
  afterEach(() => closeSync(descriptor));

  /** What `write` logs from a level on. */
  async function logged(
    level: LogLevel,
    write: (log: ReturnType<typeof createLog>) => void,
  ): Promise<Line[]> {
    const log = createLog(level, "json", descriptor);
    write(log);
    await log.flush(10_000);
    const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => {
      const { time, ...rest } = JSON.parse(withoutDurations(line)) as Line;
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      return rest;
    });
  }

  return { logged, file: () => path, fd: () => descriptor };
}

/** How long a busy machine takes is not to be in a comparison. */
function withoutDurations(text: string): string {
  return text.replace(/\d+\.\d s/g, "N s");
}
