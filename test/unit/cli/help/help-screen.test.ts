import { describe, expect, test } from "bun:test";
import { COMMANDS, type CommandName } from "../../../../src/options/commands.ts";
import { flagOf, isListedWithoutHelp, OPTION_ROWS } from "../../../../src/options/option-table.ts";
import { helpScreen } from "../../../../src/cli/help/help-screen.ts";
import { EXAMPLES } from "../../../../src/cli/help/examples.ts";
import { explainRelay } from "../../../../src/cli/help/explain-relay.ts";
import { readCommandLine } from "../../../../src/cli/line/parse-command-line.ts";
import { style } from "../../../../src/observe/log/terminal-style.ts";

const commands = Object.keys(COMMANDS) as CommandName[];

describe.each(commands)("the help of %s", (command) => {
  const text = helpScreen(command, style(false));
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
    const count = described?.length ?? 0;
    expect(shown.slice(0, count)).toEqual(described ?? []);
    // Their order is that in which they fill the lines.
    expect(shown.slice(count)).toHaveLength(named?.length ?? 0);
    expect<readonly unknown[]>(shown.slice(count)).toEqual(expect.arrayContaining(named ?? []));
  });

  test("has its columns in line", () => {
    const columns = optionLines.flatMap((line) => /^ {2}-.*? {2,}/.exec(line)?.[0].length ?? []);
    expect(new Set(columns).size).toBe(1);
  });

  test("says the same in colour", () => {
    const painted = helpScreen(command, style(true));
    expect(painted).toContain("\u001b[");
    expect(Bun.stripANSI(painted)).toBe(text);
  });
});

test("the relay's help leads to the other commands", () => {
  const [, line = ""] = helpScreen("relay", style(false)).split("\n");
  const [, names = ""] = /^ {7}simpletcpunixrelay help ([a-z|]+)$/.exec(line) ?? [];
  expect(names.split("|")).toEqual(commands.filter((name) => name !== "help"));
});

describe.each(commands)("the examples of %s", (command) => {
  const lines = EXAMPLES[command].map(({ line }) => line.replace(/ >.*/, "").split(" "));

  test("are there, if the command does anything but print one line", () => {
    expect(lines.length > 0).toBe(command !== "version");
  });

  test("are command lines of this command", () => {
    for (const words of lines) expect(readCommandLine(words).command).toBe(command);
  });

  test("stand in its help, each as a shell reads it", () => {
    const text =
      command === "relay" ? explainRelay(style(false)) : helpScreen(command, style(false));
    const joined = text.replace(/ \\\n +/g, " ");
    for (const { line } of EXAMPLES[command])
      expect(joined).toContain(`    simpletcpunixrelay ${line}\n`);
  });
});

describe("help relay", () => {
  const text = explainRelay(style(false));

  test("explains every option of a relay once", () => {
    const shown = [...text.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map(([, flag]) => flag);
    const own = OPTION_ROWS.filter(([, row]) => row.commands.includes("relay"));
    expect(shown).toEqual(own.map(([name]) => flagOf(name)));
  });

  test("fits 80 columns", () => {
    for (const line of text.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
  });

  test("says the same in colour", () => {
    expect(Bun.stripANSI(explainRelay(style(true)))).toBe(text);
  });
});
