import type { Style } from "../../observe/log/terminal-style.ts";
import { PROGRAM } from "../../version.ts";
import { COMMAND_NAMES, COMMANDS, type CommandName } from "../../options/commands.ts";
import {
  flagOf,
  isListedWithoutHelp,
  OPTION_ROWS,
  type OptionName,
} from "../../options/option-table.ts";
import type { OptionRow } from "../../options/option-row.ts";

const ABOUT: Readonly<Record<CommandName, readonly string[]>> = {
  relay: [
    "Relays each connection from SOURCE to DESTINATION, byte for byte.",
    "Each is a Unix socket: /PATH, ./PATH, @NAME (abstract), unix:NAME",
    "or TCP: HOST:PORT, [IPv6]:PORT, :PORT, tcp:HOST:PORT.",
  ],
  check: [
    "Reports every mistake in a configuration file (TOML) with its line and its key,",
    "and opens no socket. To run the relays of the file, use --config=FILE.",
  ],
  demo: [
    "Starts a small web service, a relay from a Unix socket to the service, and a",
    "relay from a port to the socket. Sends a request and 64 MiB through each relay.",
  ],
  status: [
    "Shows what the relays of a process with --admin=ADMIN-ADDRESS do: their traffic,",
    "failures and open connections. Not on a terminal: plain lines, tabs in tables.",
  ],
  units: [
    "Prints systemd units for a relay from SOURCE to DESTINATION. The units give the",
    "relay only the rights that it needs. A relay's own options work here, too.",
    "With --config=FILE: one service for all relays of the file, and their sockets.",
  ],
};

const OPTIONS_NOTE: Partial<Readonly<Record<CommandName, string>>> = {
  relay: "(with their defaults; a TIME is 500ms, 5s, 2min, 1h or bare seconds)",
};

/** What follows the options. */
const AFTERWORD: Partial<Readonly<Record<CommandName, readonly string[]>>> = {
  status: [
    "",
    "How connections end:",
    "  finished     both sides got all bytes",
    "  abandoned    one side closed, and the other one still sent",
    "  ... reset    that side broke off: it failed or was killed",
    "  client left  the client closed before the destination answered",
    "  unreachable  the destination could not be reached",
    "  idle, half-closed: nothing moved for --idle-timeout, --half-close-timeout",
    "  stopped      cut off by a stop            fault  a bug here; the log has it",
  ],
};

/**
 * A command's help, built from the option table. It has at most 24 lines of 80 columns, so that it
 * fits on one terminal screen.
 */
export function usage(command: CommandName, { bold, cyan }: Style): string {
  const lines = optionLines(command);
  const width = Math.max(...lines.map(({ spelled }) => spelled.length));
  return [
    `${bold("Usage:")} ${cyan(synopsis(command))}`,
    ...(command === "relay" ? [`       ${cyan(`${PROGRAM} ${others().join("|")} --help`)}`] : []),
    "",
    ...ABOUT[command],
    "",
    `${bold("Options:")} ${OPTIONS_NOTE[command] ?? ""}`.trimEnd(),
    ...lines.map(({ spelled, help }) => `  ${cyan(spelled.padEnd(width))}  ${help}`),
    ...terseLines(command).map((line) => cyan(line)),
    ...(AFTERWORD[command] ?? []),
    "",
  ].join("\n");
}

/** One line of help: an option, and the options that share its line. */
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

/** Lines with only the names of the terse options, as many names on a line as fit. */
function terseLines(command: CommandName): string[] {
  const lines: string[] = [];
  for (const [name, row] of OPTION_ROWS) {
    if (!row.commands.includes(command) || !isListedWithoutHelp(row, command)) continue;
    const word = spelling(name, row);
    const last = lines.pop() ?? " ";
    if (last.length + 1 + word.length <= COLUMNS) lines.push(`${last} ${word}`);
    else lines.push(last, `  ${word}`);
  }
  return lines;
}

function join(one: OptionLine, next: OptionLine): OptionLine {
  return { spelled: `${one.spelled} ${next.spelled}`, help: `${one.help}, ${next.help}` };
}

/** A line that tells the user how to get the command's help. */
export function helpHint(command: CommandName): string {
  return `Try: ${PROGRAM}${command === "relay" ? "" : ` ${command}`} --help`;
}

function synopsis(command: CommandName): string {
  const name = command === "relay" ? [] : [command];
  return [PROGRAM, ...name, "[OPTIONS]", ...COMMANDS[command].words].join(" ");
}

function others(): CommandName[] {
  return COMMAND_NAMES.filter((name) => name !== "relay");
}

function spelling(name: OptionName, row: OptionRow): string {
  if (row.metavar !== undefined) return `--${flagOf(name)}=${row.metavar}`;
  return `${row.short === undefined ? "" : `-${row.short}, `}--${flagOf(name)}`;
}

function shownDefault(row: OptionRow): string {
  return row.metavar !== undefined && row.shownDefault !== undefined
    ? ` (${row.shownDefault})`
    : "";
}
