import { beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import {
  joinableFolder,
  placeUnits,
  UnitFilesError,
} from "../../../../src/cli/units/place-unit-files.ts";
import { folderForEachTest } from "../../../support/temporary-folder.ts";

const UNITS = [
  { name: "a.socket", text: "the socket\n" },
  { name: "a.service", text: "the service\n" },
];

let folder: string;
folderForEachTest("units", (path) => void (folder = path));

function contents(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
  );
}

const both = { "a.socket": "the socket\n", "a.service": "the service\n" };

describe("where .. follows a link", () => {
  beforeEach(() => {
    mkdirSync(join(folder, "near"));
    mkdirSync(join(folder, "far/deep"), { recursive: true });
    symlinkSync("../far/deep", join(folder, "near/link"));
    symlinkSync("link/..", join(folder, "near/link-up"));
  });

  test.each([
    ["near/link/..", "far"],
    ["near/link/../", "far"],
    ["near/./link/.././deep", "far/deep"],
    ["near/link/../../near", "near"],
    ["near/link/../deep/../../near/link", "far/deep"],
    ["near/link-up/..", "."],
    ["near/link-up", "far"],
    ["near/..", "."],
  ])("%s is the folder where the kernel finds it", (path, expected) => {
    for (const start of [folder, relative(process.cwd(), folder)]) {
      const placed = joinableFolder(`${start}/${path}`);
      placeUnits(placed, [...UNITS, { name: "a.service.d/x.conf", text: "x\n" }], true);
      const real = join(realpathSync(folder), expected);
      expect(realpathSync(join(placed, "a.service.d/x.conf"))).toBe(`${real}/a.service.d/x.conf`);
      expect(readFileSync(join(real, "a.socket"), "utf8")).toBe("the socket\n");
    }
  });

  // The user reads this path in the next steps.
  test.each(["near/link", "near/..", "near/link-up"])("%s stays as it is written", (path) => {
    const written = `${relative(process.cwd(), folder)}/${path}`;
    expect(joinableFolder(written)).toBe(written);
  });
});

describe("units are written", () => {
  test("into an empty folder", () => {
    expect(placeUnits(folder, UNITS, false)).toEqual([
      { path: join(folder, "a.socket"), outcome: "written" },
      { path: join(folder, "a.service"), outcome: "written" },
    ]);
    expect(contents()).toEqual(both);
  });

  test("beside files that are as they should be", () => {
    placeUnits(folder, UNITS.slice(0, 1), false);
    const outcomes = placeUnits(folder, UNITS, false).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(["unchanged", "written"]);
    expect(contents()).toEqual(both);
  });

  test("with a drop-in in its folder, be that there or not", () => {
    const dropIn = (name: string) => ({ name: `a.service.d/${name}`, text: "a drop-in\n" });
    placeUnits(folder, [dropIn("one.conf")], false);
    placeUnits(folder, [dropIn("two.conf")], false);
    expect(readdirSync(join(folder, "a.service.d")).toSorted()).toEqual(["one.conf", "two.conf"]);
  });

  test("over others where that is asked for", () => {
    writeFileSync(join(folder, "a.service"), "another\n");
    const files = placeUnits(folder, UNITS, true);
    expect(files.map(({ outcome }) => outcome)).toEqual(["written", "replaced"]);
    expect(contents()).toEqual(both);
  });

  test("in place of a link, not through it", () => {
    const other = join(folder, "other");
    writeFileSync(other, "another\n");
    symlinkSync(other, join(folder, "a.service"));
    placeUnits(folder, UNITS, true);
    expect(contents()).toEqual({ ...both, other: "another\n" });
  });
});

describe("nothing is written", () => {
  test.each(["a.socket", "a.service"])("where %s is there", (name) => {
    writeFileSync(join(folder, name), "another\n");
    const place = () => placeUnits(folder, UNITS, false);
    expect(place).toThrow(UnitFilesError);
    expect(place).toThrow(`${join(folder, name)} exists already; --name=NAME gives`);
    expect(contents()).toEqual({ [name]: "another\n" });
  });

  test("over a link that leads nowhere", () => {
    symlinkSync("/no/such", join(folder, "a.service"));
    expect(() => placeUnits(folder, UNITS, false)).toThrow("exists already");
    expect(readdirSync(folder)).toEqual(["a.service"]);
  });

  test("not even the folder of a drop-in", () => {
    const dropIn = { name: "b.service.d/x.conf", text: "a drop-in\n" };
    const place = () => placeUnits(folder, [dropIn, { name: "no/such/file", text: "" }], false);
    expect(place).toThrow("cannot write");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("where the folder is gone", () => {
    const gone = join(folder, "gone");
    expect(() => placeUnits(gone, UNITS, false)).toThrow(
      `cannot write ${join(gone, "a.socket")}: no such file or directory (ENOENT)`,
    );
  });

  test("over a folder, even where that is asked for", () => {
    mkdirSync(join(folder, "a.service"));
    expect(() => placeUnits(folder, UNITS, true)).toThrow(
      `cannot write ${join(folder, "a.service")}: it is a folder`,
    );
    expect(readdirSync(folder)).toEqual(["a.service"]);
  });
});
