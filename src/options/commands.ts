/** One command of the command line. */
interface CommandRow {
  /** The names of the arguments that the command requires, such as SOURCE. */
  readonly words: readonly string[];
  /** The name of a further argument that the user may leave out. */
  readonly optionalWord?: string;
  readonly summary: string;
}

/**
 * All commands with their arguments. `relay` is the default command, so the command line does not
 * contain its name.
 */
export const COMMANDS = {
  relay: {
    words: ["SOURCE", "DESTINATION"],
    summary: "relays connections from SOURCE to DESTINATION",
  },
  check: { words: ["FILE"], summary: "checks a configuration file" },
  completions: { words: ["SHELL"], summary: "prints a completion script for bash, zsh or fish" },
  demo: { words: [], summary: "shows two relays at work on this machine" },
  help: { words: [], optionalWord: "COMMAND", summary: "explains a command" },
  status: { words: ["ADMIN-ADDRESS"], summary: "shows what a relay with --admin is doing" },
  units: { words: ["SOURCE", "DESTINATION"], summary: "prints systemd units of a relay" },
  version: { words: [], summary: "prints the version" },
} as const satisfies Record<string, CommandRow>;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES: readonly CommandName[] = Object.keys(COMMANDS).filter(
  (key): key is CommandName => key in COMMANDS,
);

/** The commands whose name stands on the command line: all commands but `relay`. */
export const NAMED_COMMANDS = COMMAND_NAMES.filter((name) => name !== "relay");

/** The names of all arguments of a command, with the optional argument. */
export function wordsOf(command: CommandName): readonly string[] {
  const { words, optionalWord }: CommandRow = COMMANDS[command];
  return optionalWord === undefined ? words : [...words, optionalWord];
}

/** The names of a command's arguments for a synopsis, with the optional argument in brackets. */
export function synopsisWords(command: CommandName): readonly string[] {
  const { words, optionalWord }: CommandRow = COMMANDS[command];
  return optionalWord === undefined ? words : [...words, `[${optionalWord}]`];
}
