import { beforeEach, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  identityOf,
  isInPlace,
  removeFile,
} from "../../../../../src/relay/listen/socket-file/identify-and-remove.ts";
import type { PlacedFile } from "../../../../../src/relay/kinds-of-source.ts";
import { folderForEachTest } from "../../../../support/temporary-folder.ts";

let top: string;
folderForEachTest("placed-file", (path) => void (top = path));
let file: PlacedFile;

beforeEach(() => {
  const path = join(top, "folder", "file");
  mkdirSync(join(top, "folder"));
  writeFileSync(path, "");
  const identity = identityOf(lstatSync(path, { bigint: true }));
  // As it comes from another process.
  file = JSON.parse(JSON.stringify({ path, identity } satisfies PlacedFile));
});

describe("a file that was placed", () => {
  test("is in place, and gone once it is removed", () => {
    expect(isInPlace(file)).toBe(true);
    removeFile(file);
    expect(existsSync(file.path)).toBe(false);
    expect(isInPlace(file)).toBe(false);
  });

  test.each<[how: string, replace: () => void]>([
    ["another file is at its path", () => writeFileSync(file.path, "other")],
    ["a link to it is at its path", () => symlinkSync("../moved", file.path)],
    ["a folder is at its path", () => mkdirSync(file.path)],
    ["nothing is at its path", () => {}],
  ])("is not in place if %s, which stays", (_, replace) => {
    renameSync(file.path, join(top, "moved"));
    replace();
    const before = lstatSync(file.path, { throwIfNoEntry: false })?.ino;
    expect(isInPlace(file)).toBe(false);
    removeFile(file);
    expect(lstatSync(file.path, { throwIfNoEntry: false })?.ino).toBe(before);
    expect(existsSync(join(top, "moved"))).toBe(true);
  });

  test.each<[how: string, replace: () => void]>([
    ["is gone", () => {}],
    ["is a file now", () => writeFileSync(join(top, "folder"), "other")],
    ["is a link to itself now", () => symlinkSync("folder", join(top, "folder"))],
  ])("is not in place if its folder %s; to remove it is no error", (_, replace) => {
    renameSync(join(top, "folder"), join(top, "moved"));
    replace();
    expect(isInPlace(file)).toBe(false);
    removeFile(file);
    expect(existsSync(join(top, "moved", "file"))).toBe(true);
  });

  test("is removed by the path that leads to its folder by now", () => {
    renameSync(join(top, "folder"), join(top, "moved"));
    symlinkSync("moved", join(top, "folder"));
    removeFile(file);
    expect(existsSync(join(top, "moved", "file"))).toBe(false);
  });
});
