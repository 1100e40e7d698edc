import { beforeAll, expect, test } from "bun:test";
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { leadToSameFile } from "../../../src/os/same-file.ts";
import { folderForTests } from "../../support/temporary-folder.ts";

const folder = folderForTests("same-file");
const path = (name: string) => join(folder, name);
beforeAll(() => {
  mkdirSync(path("real"));
  writeFileSync(path("real/file"), "");
  writeFileSync(path("other"), "");
  symlinkSync("real", path("folder"));
  symlinkSync("real/file", path("link"));
  linkSync(path("real/file"), path("hard"));
  symlinkSync("loop", path("loop"));
});

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
