import type { CommandName } from "../../options/commands.ts";

/** A description of each command, in lines of at most 80 columns. */
export const COMMAND_DESCRIPTIONS: Readonly<Record<CommandName, readonly string[]>> = {
  relay: [
    "Relays connections from SOURCE to DESTINATION, byte for byte: a Unix socket",
    "(/PATH, @NAME, unix:NAME), TCP (HOST:PORT, [IPv6]:PORT, :PORT), stdio (SOURCE -)",
  ],
  check: [
    "Reports every mistake in a configuration file (TOML) with its line and its key,",
    "and opens no socket. To run the relays of the file, use --config=FILE.",
  ],
  completions: [
    "Prints a completion script for SHELL: bash, zsh or fish. The script completes",
    "commands, options, their values, files, users, groups and units.",
  ],
  demo: [
    "Starts a small web service, a relay from a Unix socket to the service, and a",
    "relay from a port to the socket. Sends a request and 64 MiB through each relay.",
  ],
  help: [
    "Explains COMMAND: what it does, its options, and examples. help relay explains",
    "all options of a relay. Without COMMAND: the same as --help.",
  ],
  status: [
    "Shows what the relays of a process with --admin=ADMIN-ADDRESS do: their traffic,",
    "failures and open connections. Into a pipe: records for awk and cut.",
  ],
  units: [
    "Prints systemd units for a relay from SOURCE to DESTINATION. The units give the",
    "relay only the rights that it needs. A relay's own options work here, too.",
    "With --config=FILE: one service for all relays of the file, and their sockets.",
  ],
  version: ["Prints the program's name and version, as -V does."],
};

/** The text that follows the options on a command's help screen. */
export const AFTERWORD: Partial<Readonly<Record<CommandName, readonly string[]>>> = {
  status: [
    "",
    "How connections end: finished (both sides got all bytes), abandoned (one closed,",
    "the other one still sent), ... reset (that side failed or was killed), client",
    "left (before the destination answered), unreachable (the destination), idle and",
    "half-closed (nothing moved for their timeouts), stopped, fault (a bug here).",
  ],
};
