import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import { absolutePath, canonicalPath } from "../../../src/os/canonical-path.ts";
import { folderForTests } from "../../support/temporary-folder.ts";

const folder = folderForTests("canonical-path");
const real = (name: string) => `${realpathSync(folder)}/${name}`;
beforeAll(() => {
  mkdirSync(join(folder, "near"));
  mkdirSync(join(folder, "far/deep"), { recursive: true });
  symlinkSync("../far/deep", join(folder, "near/link"));
});

const CASES = [
  ["near/s", "near/s"],
  ["near/./s", "near/s"],
  ["near//s", "near/s"],
  ["near/../near/s", "near/s"],
  ["near/link/s", "far/deep/s"],
  // The folder above the link's folder is `far`, not `near`.
  ["near/link/../s", "far/s"],
  ["near/link/../../s", "s"],
  // The last part is not followed.
  ["near/link", "near/link"],
  // What does not exist stays as it was written.
  ["missing/s", "missing/s"],
  ["missing/.//s", "missing/s"],
  ["missing/../s", "missing/../s"],
  ["near/link/missing/../s", "far/deep/missing/../s"],
] as const;

describe("canonicalPath", () => {
  test.each(CASES)("of %s", (path, expected) => {
    expect(canonicalPath(`${folder}/${path}`)).toBe(real(expected));
    expect(canonicalPath(`${relative(process.cwd(), folder)}/${path}`)).toBe(real(expected));
  });

  test("at the root, and in the working folder", () => {
    expect(canonicalPath("/s")).toBe("/s");
    expect(canonicalPath("//s")).toBe("/s");
    expect(canonicalPath("/../s")).toBe("/s");
    expect(canonicalPath("s")).toBe(`${realpathSync(".")}/s`);
  });
});

describe("absolutePath", () => {
  test("keeps links", () => {
    expect(absolutePath(`${folder}/near/link/s`)).toBe(`${folder}/near/link/s`);
    expect(absolutePath("./link//s")).toBe(join(process.cwd(), "link/s"));
  });

  test("resolves .. as the kernel does", () =>
    expect(absolutePath(`${folder}/near/link/../s`)).toBe(real("far/s")));
});
