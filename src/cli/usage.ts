import type { Style } from "../observe/style.ts";
import { PROGRAM } from "../version.ts";
import {
  COMMANDS,
  flagOf,
  OPTION_ROWS,
  type CommandName,
  type FlagOption,
  type OptionName,
  type ValueOption,
} from "./options.ts";

const ABOUT: Readonly<Record<CommandName, readonly string[]>> = {
  relay: [
    "Carries each connection to SOURCE on to DESTINATION, byte for byte.",
    "Either is a Unix socket: /PATH, ./PATH, @NAME (abstract), unix:NAME",
    "or TCP: HOST:PORT, [IPv6]:PORT, :PORT, tcp:HOST:PORT.",
    "A TIME is 500ms, 5s, 2min, 1h or bare seconds.",
  ],
  demo: [
    "Starts a small web service on a loopback port, relays it to a Unix socket and",
    "that socket to another port, and sends a request and 64 MiB through both.",
  ],
};

/**
 * A command's help, from the table of options; at most 24 lines of 80 columns, so that none of it
 * scrolls away.
 */
export function usage(command: CommandName, { bold, cyan, dim }: Style): string {
  const rows = OPTION_ROWS.filter(([, row]) => row.commands.includes(command)).map(
    ([name, row]) => [spelling(name, row), row] as const,
  );
  const width = Math.max(...rows.map(([spelled]) => spelled.length));
  const options = rows.map(
    ([spelled, row]) => `  ${cyan(spelled.padEnd(width))}  ${row.help}${dim(shownDefault(row))}`,
  );
  const lines = [
    `${bold("Usage:")} ${cyan(synopsis(command))}`,
    ...(command === "relay" ? others().map((other) => `       ${cyan(synopsis(other))}`) : []),
    "",
    ...ABOUT[command],
    "",
    `${bold("Options:")} (with their defaults)`,
    ...options,
  ];
  return `${lines.join("\n")}\n`;
}

/** How to ask for that help. */
export function helpHint(command: CommandName): string {
  return `Try: ${PROGRAM}${command === "relay" ? "" : ` ${command}`} --help`;
}

function synopsis(command: CommandName): string {
  const name = command === "relay" ? [] : [command];
  return [PROGRAM, ...name, "[OPTIONS]", ...COMMANDS[command].words].join(" ");
}

function others(): CommandName[] {
  return Object.keys(COMMANDS).filter(
    (name): name is CommandName => name in COMMANDS && name !== "relay",
  );
}

function spelling(name: OptionName, row: ValueOption<unknown> | FlagOption): string {
  if (row.metavar !== undefined) return `--${flagOf(name)}=${row.metavar}`;
  return `${row.short === undefined ? "" : `-${row.short}, `}--${flagOf(name)}`;
}

function shownDefault(row: ValueOption<unknown> | FlagOption): string {
  return row.metavar !== undefined && row.shownDefault !== undefined
    ? ` (${row.shownDefault})`
    : "";
}
