import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { lastNotifyAccess, unitTexts } from "../../../src/systemd/notify-access.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let root: string;
folderForEachTest("notify-access", (path) => void (root = path));

function texts(unit: string, files: Readonly<Record<string, string>>): string[] {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return unitTexts(
    unit,
    ["etc", "usr"].map((folder) => join(root, folder)),
  );
}

describe("a unit's files", () => {
  test("are its own of the strongest folder, then its drop-ins by their names", () => {
    const files = {
      "usr/a.service": "weak",
      "etc/a.service": "own",
      "usr/a.service.d/20.conf": "third",
      "usr/a.service.d/10.conf": "overridden",
      "etc/a.service.d/10.conf": "second",
      "etc/a.service.d/15.txt": "no drop-in",
      "etc/b.service": "another",
    };
    expect(texts("a.service", files)).toEqual(["own", "second", "third"]);
  });

  test("of an instance are those of its template, and its own drop-ins", () => {
    const files = {
      "usr/a@.service": "template",
      "usr/a@.service.d/1.conf": "of all",
      "etc/a@x.service.d/2.conf": "of one",
    };
    expect(texts("a@x.service", files)).toEqual(["template", "of all", "of one"]);
  });

  test("are none of a unit that has no file", () => {
    expect(texts("a.service", { "etc/a.service.d/1.conf": "x" })).toEqual([]);
  });
});

test.each([
  [["[Service]\nNotifyAccess=all\n"], "all"],
  [["[Service]\nNotifyAccess=all\n", "[Service]\n NotifyAccess = main \n"], "main"],
  [["[Service]\n# NotifyAccess=all\nType=notify\n"], undefined],
  [[], undefined],
])("NotifyAccess= of %j is %p", (files, access) => {
  expect(lastNotifyAccess(files)).toBe(access);
});
