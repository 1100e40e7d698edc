import { expect, test } from "bun:test";
import { existsSync, lstatSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { silentObserver } from "../../../../src/relay/combine-observers.ts";
import { FilesOfStart } from "../../../../src/relay/listen/files-of-start.ts";
import { identityOf } from "../../../../src/relay/listen/socket-file/identify-and-remove.ts";
import { folderForEachTest } from "../../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("files-of-start", (path) => void (folder = path));

function place(name: string) {
  const path = join(folder, name);
  writeFileSync(path, name);
  return { path, identity: identityOf(lstatSync(path, { bigint: true })) };
}

test("a start that is given up leaves no file that it placed, and all files of others", () => {
  const files = new FilesOfStart(silentObserver);
  const [one, replaced, other] = [place("one"), place("replaced"), place("other")];
  files.placed(one);
  files.placed(replaced);
  // Another relay has put its own file at the path.
  const theirs = place("theirs");
  renameSync(theirs.path, replaced.path);
  expect(existsSync(one.path)).toBe(true);
  files.giveUp();
  expect(existsSync(one.path)).toBe(false);
  expect(readFileSync(replaced.path, "utf8")).toBe("theirs");
  expect(existsSync(other.path)).toBe(true);
});

test("a file that is placed after the start was given up goes at once", () => {
  const files = new FilesOfStart(silentObserver);
  files.giveUp();
  const late = place("late");
  files.placed(late);
  expect(existsSync(late.path)).toBe(false);
});
