import { describe, expect, test } from "bun:test";
import {
  formatJournal,
  formatJson,
  formatPlain,
  formatPretty,
  type LogEntry,
} from "../../../../src/observe/log/line-formats.ts";
import { style } from "../../../../src/observe/log/terminal-style.ts";

const time = new Date("2026-11-24T01:02:03.456Z");
const entry = (message: string, more: Partial<LogEntry> = {}): LogEntry => ({
  time,
  level: "info",
  message,
  relay: "",
  fields: {},
  ...more,
});

// What would let a message pass for another line, or a terminal obey it.
const hostile = "a\u001b[31mb\rc\u0007d\u009be\u2028f";

describe("plain", () => {
  test.each([
    ["info", "2026-11-24T01:02:03.456Z info  message\n"],
    ["error", "2026-11-24T01:02:03.456Z error message\n"],
    ["warn", "2026-11-24T01:02:03.456Z warn  message\n"],
    ["debug", "2026-11-24T01:02:03.456Z debug message\n"],
  ] as const)("%s", (level, line) => {
    expect(formatPlain(entry("message", { level }))).toBe(line);
  });

  test("shows what a terminal would obey instead of sending it", () => {
    expect(formatPlain(entry(hostile))).toEndWith(
      " a\\u001b[31mb\\u000dc\\u0007d\\u009be\\u2028f\n",
    );
  });

  test("sets further lines in", () => {
    expect(formatPlain(entry("Error: x\n  at y"))).toEndWith("info  Error: x\n      at y\n");
  });
});

describe("json", () => {
  test("is one object a line: time, level, message and the fields", () => {
    const fields = { event: "listening", source: ":1", lost: 3 };
    expect(formatJson(entry("it\nlistens", { fields }))).toBe(
      '{"time":"2026-11-24T01:02:03.456Z","level":"info","message":"it\\nlistens",' +
        '"event":"listening","source":":1","lost":3}\n',
    );
  });
});

test("the relay's name is a field of JSON", () => {
  expect(JSON.parse(formatJson(entry("it listens", { relay: "web" })))).toMatchObject({
    message: "it listens",
    relay: "web",
  });
  expect(JSON.parse(formatJson(entry("it listens")))).not.toContainKey("relay");
});

test("JSON has no control characters of a terminal either, and is the same string", () => {
  const line = formatJson(entry(hostile));
  expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  expect(JSON.parse(line)).toMatchObject({ message: hostile });
});

describe("journal", () => {
  test.each([
    ["debug", "<7>message\n"],
    ["info", "<6>message\n"],
    ["warn", "<4>message\n"],
    ["error", "<3>message\n"],
  ] as const)("%s has its priority, and neither time nor colour", (level, line) => {
    expect(formatJournal(entry("message", { level }))).toBe(line);
  });

  test("gives every line its priority", () => {
    expect(formatJournal(entry("Error: x\nat y", { level: "debug" }))).toBe(
      "<7>Error: x\n<7>    at y\n",
    );
  });

  test("a message cannot bring its own priority on a line of its own", () => {
    expect(formatJournal(entry("x\n<0>y"))).toBe("<6>x\n<6>    <0>y\n");
  });
});

describe("pretty", () => {
  test("is the time of day, the level and the words", () => {
    expect(formatPretty(style(false))(entry("message"))).toMatch(
      /^\d\d:\d\d:03 info {2}message\n$/,
    );
  });

  test("has colour, and the same words with it", () => {
    const plain = formatPretty(style(false));
    const painted = formatPretty(style(true));
    for (const level of ["debug", "info", "warn", "error"] as const) {
      const line = painted(entry("message", { level }));
      expect(line).toContain("\u001b[");
      expect(Bun.stripANSI(line)).toBe(plain(entry("message", { level })));
    }
  });
});
