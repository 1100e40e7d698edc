import { describe, expect, test } from "bun:test";
import { COMMANDS, flagOf, OPTION_ROWS, type CommandName } from "../../../src/cli/options.ts";
import { usage } from "../../../src/cli/usage.ts";
import { style } from "../../../src/observe/style.ts";

const commands = Object.keys(COMMANDS) as CommandName[];

describe.each(commands)("the help of %s", (command) => {
  const text = usage(command, style(false));
  const lines = text.split("\n");

  test("fits a screen of 24 lines of 80 columns", () => {
    expect(lines.at(-1)).toBe("");
    expect(lines.length - 1).toBeLessThanOrEqual(24);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
  });

  test("has each of its options once, and no other", () => {
    const shown = [...text.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map(([, flag]) => flag);
    const own = OPTION_ROWS.filter(([, row]) => row.commands.includes(command));
    expect(shown).toEqual(own.map(([name]) => flagOf(name)));
  });

  test("has its columns in line", () => {
    const options = lines.filter((line) => /^ {2}-/.test(line));
    const columns = options.map((line) => /^ {2}(-\w, )?--\S+ {2,}/.exec(line)?.[0].length);
    expect(new Set(columns).size).toBe(1);
  });

  test("says the same in colour", () => {
    const painted = usage(command, style(true));
    expect(painted).toContain("\u001b[");
    expect(Bun.stripANSI(painted)).toBe(text);
  });
});

test("the relay's help leads to the other commands", () => {
  for (const command of commands.filter((name) => name !== "relay"))
    expect(usage("relay", style(false))).toContain(`simpletcpunixrelay ${command} [OPTIONS]`);
});
