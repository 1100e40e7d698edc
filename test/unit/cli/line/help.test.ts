import { describe, expect, test } from "bun:test";
import { COMMANDS, type CommandName } from "../../../../src/options/commands.ts";
import { flagOf, isListedWithoutHelp, OPTION_ROWS } from "../../../../src/options/option-table.ts";
import { usage } from "../../../../src/cli/line/help.ts";
import { style } from "../../../../src/observe/log/terminal-style.ts";

const commands = Object.keys(COMMANDS) as CommandName[];

describe.each(commands)("the help of %s", (command) => {
  const text = usage(command, style(false));
  const lines = text.split("\n");

  test("fits a screen of 24 lines of 80 columns", () => {
    expect(lines.at(-1)).toBe("");
    expect(lines.length - 1).toBeLessThanOrEqual(24);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
  });

  const optionLines = lines.filter((line) => /^ {2}-/.test(line));

  test("has each of its options once, and no other", () => {
    const shown = optionLines.flatMap((line) => {
      const [spelled = ""] = line.trimStart().split(/ {2,}/);
      return [...spelled.matchAll(/--([a-z-]+)/g)].map(([, flag]) => flag);
    });
    const own = OPTION_ROWS.filter(([, row]) => row.commands.includes(command));
    const [described, named] = [false, true].map((terse) =>
      own
        .filter(([, row]) => isListedWithoutHelp(row, command) === terse)
        .map(([name]) => flagOf(name)),
    );
    expect(shown).toEqual([...(described ?? []), ...(named ?? [])]);
  });

  test("has its columns in line", () => {
    const columns = optionLines.flatMap((line) => /^ {2}-.*? {2,}/.exec(line)?.[0].length ?? []);
    expect(new Set(columns).size).toBe(1);
  });

  test("says the same in colour", () => {
    const painted = usage(command, style(true));
    expect(painted).toContain("\u001b[");
    expect(Bun.stripANSI(painted)).toBe(text);
  });
});

test("the relay's help leads to the other commands", () => {
  const [, line = ""] = usage("relay", style(false)).split("\n");
  const [, names = ""] = /^ {7}simpletcpunixrelay ([a-z|]+) --help$/.exec(line) ?? [];
  expect(names.split("|")).toEqual(commands.filter((name) => name !== "relay"));
});
