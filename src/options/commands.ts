/**
 * The commands, and the words that each takes. `relay` is the default command: the command line
 * does not name it.
 */
export const COMMANDS = {
  relay: {
    words: ["SOURCE", "DESTINATION"],
    summary: "relays connections from SOURCE to DESTINATION",
  },
  check: { words: ["FILE"], summary: "checks a configuration file" },
  demo: { words: [], summary: "shows two relays at work on this machine" },
  status: { words: ["ADMIN-ADDRESS"], summary: "shows what a relay with --admin is doing" },
  units: { words: ["SOURCE", "DESTINATION"], summary: "prints systemd units of a relay" },
} as const satisfies Record<string, { words: readonly string[]; summary: string }>;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES: readonly CommandName[] = Object.keys(COMMANDS).filter(
  (key): key is CommandName => key in COMMANDS,
);
