import { describe, expect, test } from "bun:test";
import { InvalidValue } from "../../../src/options/invalid-value-error.ts";
import { COMMANDS } from "../../../src/options/commands.ts";
import { aboutOption, flagOf, OPTION_ROWS, OPTIONS } from "../../../src/options/option-table.ts";

describe("every row of the table", () => {
  test.each([...OPTION_ROWS])("%s", (name, row) => {
    expect(flagOf(name)).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(row.commands.every((command) => command in COMMANDS)).toBe(true);
    if (row.metavar === undefined) return;
    expect(row.metavar).toMatch(/^[A-Z]+(\|[a-z]+)?$/);
    if (row.shownDefault !== undefined) expect(row.parse(row.shownDefault)).toEqual(row.default);
    // Files, and the name of a relay in another process, are looked at later.
    if (name !== "config" && name !== "relay" && name !== "capture")
      expect(() => row.parse("no such value")).toThrow(InvalidValue);
  });

  test("says whether it concerns one relay or the process, if a relay can have it", () => {
    const scopeless = OPTION_ROWS.filter(
      ([, { commands, scope }]) => commands.includes("relay") === (scope === undefined),
    );
    expect(scopeless.map(([name]) => name)).toEqual(["name", "help", "config", "version"]);
  });

  test.each([...OPTION_ROWS])(
    "%s is described in sentences that name no unknown option",
    (name) => {
      const about = aboutOption(name, (other) => `--${flagOf(other)}`);
      expect(about).toMatch(/^[A-Z][^{}]*[.]$/);
    },
  );

  test("has a name of its own", () => {
    const flags = OPTION_ROWS.map(([name]) => flagOf(name));
    expect(new Set(flags).size).toBe(flags.length);
  });
});

describe("--mode", () => {
  test.each([
    ["0660", 0o660],
    ["660", 0o660],
    ["0", 0],
    ["7", 7],
    ["0777", 0o777],
    ["00600", 0o600],
  ])("%s", (text, mode) => {
    expect(OPTIONS.mode.parse(text)).toBe(mode);
  });

  test.each(["1777", "0888", "0o660", "u=rw", "-1", "0x1ff", "", "66 0", "6.6", "4755"])(
    "%j is refused",
    (text) => {
      expect(() => OPTIONS.mode.parse(text)).toThrow(InvalidValue);
    },
  );
});

describe.each(["owner", "group"] as const)("--%s", (name) => {
  const { parse } = OPTIONS[name];

  test.each([
    ["root", 0],
    ["0", 0],
    ["65534", 65534],
    ["4294967294", 4294967294],
  ])("%s", (text, id) => {
    expect(parse(text)).toBe(id);
  });

  test.each(["no-such-name", "4294967295", "-1", "", "root:0", "root\n", "--version", "1e3"])(
    "%j is refused",
    (text) => {
      expect(() => parse(text)).toThrow(InvalidValue);
    },
  );
});

describe("the ranges of times", () => {
  test.each([
    ["connectTimeout", "1ms", 1],
    ["drainTimeout", "0", 0],
    ["keepalive", "0", 0],
    ["keepalive", "1s", 1_000],
    ["keepalive", "32767s", 32_767_000],
  ] as const)("--%s=%s", (name, text, milliseconds) => {
    expect(OPTIONS[name].parse(text)).toBe(milliseconds);
  });

  test.each([
    ["connectTimeout", "0"],
    ["keepalive", "500ms"],
    ["keepalive", "32768s"],
    ["drainTimeout", "1000h"],
  ] as const)("--%s=%s is refused", (name, text) => {
    expect(() => OPTIONS[name].parse(text)).toThrow(InvalidValue);
  });
});

test("a time of minutes or of never is explained", () => {
  expect(() => OPTIONS.idleTimeout.parse("10m")).toThrow("write 10min for minutes or 10ms");
  expect(() => OPTIONS.idleTimeout.parse("0")).toThrow("for never, leave the option out");
  expect(() => OPTIONS.connectTimeout.parse("0")).toThrow("too short; at least 1ms");
});

test("choices are exact", () => {
  expect(OPTIONS.logLevel.parse("warn")).toBe("warn");
  expect(() => OPTIONS.logLevel.parse("WARN")).toThrow("is not one of debug, info, warn, error");
  expect(() => OPTIONS.logFormat.parse("JSON")).toThrow("journal; did you mean json?");
  expect(() => OPTIONS.logFormat.parse("")).toThrow(InvalidValue);
  expect(() => OPTIONS.logFormat.parse("constructor")).toThrow(InvalidValue);
});
