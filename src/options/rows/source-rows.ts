import { RELAY_OPTIONS } from "../types-and-ranges-of-relay-options.ts";
import type { OptionRows } from "../option-row.ts";

/** The options about binding the source, the permissions of its file, and network namespaces. */
export const SOURCE_ROWS = {
  mode: {
    ...RELAY_OPTIONS.mode,
    help: "mode",
    commands: ["relay"],
    scope: "relay",
    about:
      "The permissions of a Unix source's file, in octal digits, in place before anyone can connect. Default: the umask decides.",
  },
  owner: {
    ...RELAY_OPTIONS.owner,
    help: "owner",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The user that owns a Unix source's file, by name or number. Default: the user of the process.",
  },
  group: {
    ...RELAY_OPTIONS.group,
    help: "group of a Unix SOURCE",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The group of a Unix source's file, by name or number. Default: the group of the process.",
  },
  directoryMode: {
    ...RELAY_OPTIONS.directoryMode,
    help: "makes a Unix SOURCE's missing folders",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Makes the missing folders of a Unix source, with these permissions. Default: a missing folder is an error.",
  },
  freebind: {
    ...RELAY_OPTIONS.freebind,
    help: "listens on an address that the machine does not have yet",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about: "Listens on an address that the machine does not have yet (IP_FREEBIND).",
  },
  sourceNetns: {
    ...RELAY_OPTIONS.sourceNetns,
    help: "listens in this network namespace: NAME or PATH",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Listens in another network namespace: a name of ip-netns(8), or a path such as /proc/PID/ns/net. Needs CAP_SYS_ADMIN. Default: the relay's own.",
  },
  destinationNetns: {
    ...RELAY_OPTIONS.destinationNetns,
    help: "connects in this network namespace: NAME or PATH",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Connects to the destination from another network namespace, and resolves its name there: a name of ip-netns(8), or a path such as /proc/PID/ns/net. Needs CAP_SYS_ADMIN. Default: the relay's own.",
  },
} as const satisfies OptionRows;
