/** One command of the command line. */
interface CommandRow {
  /**
   * The names of the arguments that the command requires, such as SOURCE. A command line with
   * `--config` has none of them.
   */
  readonly args: readonly string[];
  /** The name of a further argument that the user may leave out. */
  readonly optionalArgument?: string;
  readonly summary: string;
}

/**
 * All commands with their arguments. `relay` is the default command: a command line without the
 * name of a command means `relay`.
 */
export const COMMANDS = {
  relay: {
    args: ["SOURCE", "DESTINATION"],
    summary: "relays connections from SOURCE to DESTINATION",
  },
  check: { args: ["FILE"], summary: "checks a configuration file" },
  completions: { args: ["SHELL"], summary: "prints a completion script for bash, zsh or fish" },
  demo: { args: [], summary: "shows two relays at work on this machine" },
  help: { args: [], optionalArgument: "COMMAND", summary: "explains a command" },
  status: { args: ["ADMIN-ADDRESS"], summary: "shows what a relay with --admin is doing" },
  units: { args: ["SOURCE", "DESTINATION"], summary: "prints systemd units of a relay" },
  version: { args: [], summary: "prints the version" },
} as const satisfies Record<string, CommandRow>;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES: readonly CommandName[] = Object.keys(COMMANDS).filter(
  (key): key is CommandName => key in COMMANDS,
);

/** The commands whose name stands on the command line: all commands but `relay`. */
export const NAMED_COMMANDS = COMMAND_NAMES.filter((name) => name !== "relay");

/** The names of all arguments of a command, with the optional argument. */
export function argumentsOf(command: CommandName): readonly string[] {
  const { args, optionalArgument }: CommandRow = COMMANDS[command];
  return optionalArgument === undefined ? args : [...args, optionalArgument];
}

/** The names of a command's arguments for a synopsis, with the optional argument in brackets. */
export function synopsisArguments(command: CommandName): readonly string[] {
  const { args, optionalArgument }: CommandRow = COMMANDS[command];
  return optionalArgument === undefined ? args : [...args, `[${optionalArgument}]`];
}
