import { afterAll, afterEach, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a temporary folder for the tests of a file; it is removed after the last of them. */
export function folderForTests(name: string): string {
  const folder = makeFolder(name);
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Gives each test of a file or of a `describe` a new temporary folder, removed after the test. */
export function folderForEachTest(name: string, take: (folder: string) => void): void {
  let folder: string;
  beforeEach(() => take((folder = makeFolder(name))));
  afterEach(() => rmSync(folder, { recursive: true }));
}

function makeFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `${name}-`));
}
