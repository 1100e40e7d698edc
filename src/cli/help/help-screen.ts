import type { Style } from "../../observe/log/terminal-style.ts";
import { PROGRAM } from "../../program/version.ts";
import { type CommandName, NAMED_COMMANDS, synopsisArguments } from "../../options/commands.ts";
import {
  flagOf,
  isListedWithoutHelp,
  OPTION_ROWS,
  type OptionName,
} from "../../options/option-table.ts";
import type { OptionRow } from "../../options/option-row.ts";

import { COMMAND_DESCRIPTIONS, AFTERWORD } from "./command-descriptions.ts";
import { exampleLines } from "./examples.ts";

/** The commands in the line `simpletcpunixrelay help relay|check|…` of the main help screen. */
const EXPLAINED = ["relay", ...NAMED_COMMANDS.filter((name) => name !== "help")];

const OPTIONS_NOTE: Partial<Readonly<Record<CommandName, string>>> = {
  relay: "(with their defaults; a TIME is 500ms, 5s, 2min, 1h or bare seconds)",
};

/**
 * The help screen of a command, built from the option table. The screen has at most 24 lines of 80
 * columns, so that it fits on one terminal screen.
 */
export function helpScreen(command: CommandName, { bold, cyan }: Style): string {
  const lines = optionLines(command);
  const width = Math.max(...lines.map(({ spelled }) => spelled.length));
  return [
    `${bold("Usage:")} ${cyan(synopsis(command))}`,
    ...(command === "relay" ? [`       ${cyan(`${PROGRAM} help ${EXPLAINED.join("|")}`)}`] : []),
    "",
    ...COMMAND_DESCRIPTIONS[command],
    "",
    `${bold("Options:")} ${OPTIONS_NOTE[command] ?? ""}`.trimEnd(),
    ...lines.map(({ spelled, help }) => `  ${cyan(spelled.padEnd(width))}  ${help}`),
    ...terseLines(command).map((line) => cyan(line)),
    ...(AFTERWORD[command] ?? []),
    // The relay's screen has no room for examples besides the options; `help relay` shows the
    // examples.
    ...(command === "relay" ? [] : exampleLines(command, { bold, cyan })),
    "",
  ].join("\n");
}

/** One line of help, about one option or about several options that share the line. */
interface OptionLine {
  readonly spelled: string;
  readonly help: string;
}

function optionLines(command: CommandName): OptionLine[] {
  const lines: OptionLine[] = [];
  for (const [name, row] of OPTION_ROWS) {
    if (!row.commands.includes(command) || isListedWithoutHelp(row, command)) continue;
    const line = { spelled: spelling(name, row), help: `${row.help}${shownDefault(row)}` };
    const before = row.sharesLine === true ? lines.pop() : undefined;
    lines.push(before === undefined ? line : join(before, line));
  }
  return lines;
}

const COLUMNS = 80;

/**
 * The lines that list the command's terse options: the options that help shows by name only,
 * without a description. Each name goes on the first line that has room for it.
 */
function terseLines(command: CommandName): string[] {
  const lines: string[] = [];
  for (const [name, row] of OPTION_ROWS) {
    if (!row.commands.includes(command) || !isListedWithoutHelp(row, command)) continue;
    const word = spelling(name, row);
    const roomy = lines.findIndex((line) => line.length + 1 + word.length <= COLUMNS);
    if (roomy < 0) lines.push(`  ${word}`);
    else lines[roomy] += ` ${word}`;
  }
  return lines;
}

function join(one: OptionLine, next: OptionLine): OptionLine {
  return { spelled: `${one.spelled} ${next.spelled}`, help: `${one.help}, ${next.help}` };
}

/**
 * The synopsis of a command: the program's name, the command's name, `[OPTIONS]` and the names of
 * the command's arguments. `relay` is the default command, so its name is left out.
 */
export function synopsis(command: CommandName): string {
  const name = command === "relay" ? [] : [command];
  return [PROGRAM, ...name, "[OPTIONS]", ...synopsisArguments(command)].join(" ");
}

/**
 * The text of an option in help: its short form if it has one, its name, and the name of its value
 * if it takes a value.
 */
export function spelling(name: OptionName, row: OptionRow): string {
  if (row.metavar !== undefined) return `--${flagOf(name)}=${row.metavar}`;
  return `${row.short === undefined ? "" : `-${row.short}, `}--${flagOf(name)}`;
}

function shownDefault(row: OptionRow): string {
  return row.metavar !== undefined && row.shownDefault !== undefined
    ? ` (${row.shownDefault})`
    : "";
}
