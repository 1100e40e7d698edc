import { MEMORY_MAX, RELAY_OPTIONS, WORKERS } from "../types-and-ranges-of-relay-options.ts";
import type { OptionRows } from "../option-row.ts";

/**
 * The options that limit the numbers of connections, waiting clients and threads, and the memory of
 * the connections.
 */
export const LIMIT_ROWS = {
  connectionsMax: {
    ...RELAY_OPTIONS.connectionsMax,
    help: "most open connections",
    commands: ["relay"],
    scope: "relay",
    about:
      "The most open connections at once; further clients wait in the kernel's queue. Default: as many as the limit on open files allows. With {config} on a command line: of all relays together.",
    aboutProcess:
      "The most open connections at once of all relays together. While they are open, the further clients of every relay wait in the kernel's queue. Default: only the limits of the relays.",
  },
  connectionsMaxPerClient: {
    ...RELAY_OPTIONS.connectionsMaxPerClient,
    help: "most open connections of one address or Unix user (no limit)",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The most open connections at once of one client: an IPv4 address, an IPv6 /64 network or a Unix user. Further connections are refused. Default: no limit per client.",
  },
  memoryMax: {
    ...MEMORY_MAX,
    help: "the most that all connections hold (a quarter of the memory)",
    terse: true,
    commands: ["relay"],
    scope: "process",
    about:
      "The most bytes that all connections together may hold because a side does not take them, like 64M or 1G. At this bound the relay reads only what the other side takes, and further clients wait in the kernel's queue. Connections may exceed the bound by 1M for each worker, and by 512K for each connection whose sender fails. Default: a quarter of what the control group or the machine has.",
  },
  backlog: {
    ...RELAY_OPTIONS.backlog,
    help: "the kernel's queue of the source",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The kernel's queue of clients that are not accepted yet. Default: 4096; for an inherited socket, the most that the system allows.",
  },
  workers: {
    ...WORKERS,
    default: 1,
    shownDefault: "1",
    help: "threads",
    sharesLine: true,
    commands: ["relay"],
    scope: "process",
    about: "Threads that accept and relay; auto is one for each processor.",
  },
} as const satisfies OptionRows;
