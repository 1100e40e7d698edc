import { afterAll, beforeAll, expect, test } from "bun:test";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leadToSameFile } from "../../../src/os/same-file.ts";

let folder: string;
const path = (name: string) => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "same-file-"));
  mkdirSync(path("real"));
  writeFileSync(path("real/file"), "");
  writeFileSync(path("other"), "");
  symlinkSync("real", path("folder"));
  symlinkSync("real/file", path("link"));
  linkSync(path("real/file"), path("hard"));
  symlinkSync("loop", path("loop"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each(["real/file", "real/../real/file", "folder/file", "link", "hard"])(
  "%s leads to the file",
  (name) => expect(leadToSameFile(path("real/file"), path(name))).toBe(true),
);

test.each(["other", "missing", "missing/file", "other/file", "loop"])(
  "%s does not lead to the file",
  (name) => {
    expect(leadToSameFile(path("real/file"), path(name))).toBe(false);
    expect(leadToSameFile(path(name), path("real/file"))).toBe(false);
  },
);
