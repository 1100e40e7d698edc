import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  directoryWord,
  endsAsWritten,
  execProgram,
  execWord,
  hasControls,
  isProgram,
  pathWord,
  wholeValue,
} from "../../../../src/systemd/units/unit-escaping.ts";
import {
  readBinds,
  readDirectories,
  readExec,
  readPaths,
  readUnit,
  readWhole,
} from "./unit-reader.ts";
import { holds } from "../../../support/property.ts";

describe("an argument of ExecStart=", () => {
  test.each([
    ["/run/app/socket", "/run/app/socket"],
    ["--mode=0660", "--mode=0660"],
    ["[::1]:80", "[::1]:80"],
    ["@name", "@name"],
    ["", '""'],
    ["a b", '"a b"'],
    ["50%", "50%%"],
    ["%n", "%%n"],
    ["$HOME", "$$HOME"],
    ["${HOME}", "$${HOME}"],
    ["$$", "$$$$"],
    [";", '";"'],
    ["a;b", '"a;b"'],
    ["it's", `"it's"`],
    ['"odd"', '"\\"odd\\""'],
    ["a\\x20b", '"a\\\\x20b"'],
    ["\\", '"\\\\"'],
    ["a\nb", '"a\\x0ab"'],
    ["\t", '"\\x09"'],
    ["\u007f", '"\\x7f"'],
    ["#", "#"],
    ["é/日本", "é/日本"],
  ])("%j", (text, written) => {
    expect(execWord(text)).toBe(written);
  });
});

describe("a path in a list of paths", () => {
  test.each([
    ["/srv/app", "/srv/app"],
    ["/srv/a b", '"/srv/a b"'],
    ["/srv/50%", "/srv/50%%"],
    ["/srv/$x", "/srv/$x"],
    ["/srv/a:b", '"/srv/a:b"'],
    ['/srv/"', '"/srv/\\""'],
    ["/srv/\\", '"/srv/\\\\"'],
  ])("%j", (path, written) => {
    expect(pathWord(path)).toBe(written);
  });
});

describe("a folder in RuntimeDirectory=", () => {
  test.each([
    ["app", "app"],
    ["a/b", "a/b"],
    ["a b", "a\\x20b"],
    ["a:b", "a\\x3ab"],
    ["50%", "50%%"],
    ['"it\'s"', "\\x22it\\x27s\\x22"],
    ["\\", "\\x5c"],
    ["日本", "日本"],
  ])("%j", (path, written) => {
    expect(directoryWord(path)).toBe(written);
  });
});

describe("a program", () => {
  test.each([
    ["/usr/local/bin/x", "/usr/local/bin/x"],
    ["/opt/a b/x", '"/opt/a b/x"'],
    ["/opt/50%/$x", "/opt/50%%/$x"],
  ])("%j", (path, written) => {
    expect(isProgram(path)).toBe(true);
    expect(execProgram(path)).toBe(written);
  });

  test.each(['/opt/"', "/opt/it's", "/opt/\\", "/opt/a\nb"])("%j is never taken", (path) => {
    expect(isProgram(path)).toBe(false);
  });
});

describe("a specifier that is kept", () => {
  test.each([
    ["%i", "i", "%i"],
    ["%%i", "i", "%%%i"],
    ["%n %i %", "i", "%%n %i %%"],
    ["%t/%i", "th", "%t/%%i"],
    ["%I", "iI", "%I"],
  ])("of %j with %j is %j", (text, kept, written) => {
    expect(wholeValue(text, kept)).toBe(written);
    expect(directoryWord(text.replaceAll(" ", ""), kept)).toBe(written.replaceAll(" ", ""));
  });
});

test("a text at the end of a line must not end in what systemd takes away or joins", () => {
  expect(["/run/a", "/run/a b", "/run/\\a", "/run/é"].every(endsAsWritten)).toBe(true);
  expect(["/run/a ", "/run/a\\", "/run/a\\\\"].some(endsAsWritten)).toBe(false);
});

// The characters that mean something to one of systemd's parsers, more often than by chance.
const nasty = fc.string({ unit: fc.constantFrom(..." \t\n\"'\\%${}:;#=@[]abfnrstvx0125é日") });
const any = fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", ""));
const text = fc.oneof(nasty, any);
const path = text.filter((part) => !hasControls(part)).map((part) => `/srv/${part}`);

/** One setting as systemd has it after reading a file. */
function throughFile(value: string): string {
  const settings = readUnit(`[Service]\nBefore=x\nSetting=${value}\nAfter=x\n`);
  expect([...settings.keys()]).toEqual(["Service.Before", "Service.Setting", "Service.After"]);
  return settings.get("Service.Setting")?.[0] ?? "";
}

describe("systemd reads what was meant", () => {
  test("of any arguments", () => {
    holds(
      import.meta.path,
      fc.property(fc.array(text), (words) => {
        const value = ["/bin/x", ...words.map((word) => execWord(word))].join(" ");
        expect(readExec(throughFile(value))).toEqual(["/bin/x", ...words]);
      }),
      { runs: 2_000 },
    );
  });

  test("of any program that it takes", () => {
    holds(
      import.meta.path,
      fc.property(path.filter(isProgram), text, (program, word) => {
        const value = `${execProgram(program)} ${execWord(word)}`;
        expect(readExec(throughFile(value))).toEqual([program, word]);
      }),
      { runs: 2_000 },
    );
  });

  test("of any paths", () => {
    holds(
      import.meta.path,
      fc.property(fc.array(path), (paths) => {
        const value = throughFile(paths.map((path) => pathWord(path)).join(" "));
        expect(readPaths(value)).toEqual(paths);
        expect(readBinds(value)).toEqual(paths);
      }),
      { runs: 2_000 },
    );
  });

  test("of any folders below /run", () => {
    holds(
      import.meta.path,
      fc.property(fc.array(path), (paths) => {
        const folders = paths.map((absolute) => absolute.slice(1));
        const value = throughFile(folders.map((folder) => directoryWord(folder)).join(" "));
        expect(readDirectories(value)).toEqual(folders);
      }),
      { runs: 2_000 },
    );
  });

  test("of any text to the end of a line that ends as written", () => {
    holds(
      import.meta.path,
      fc.property(path.filter(endsAsWritten), (whole) => {
        expect(readWhole(throughFile(wholeValue(whole)))).toBe(whole);
      }),
      { runs: 2_000 },
    );
  });
});
