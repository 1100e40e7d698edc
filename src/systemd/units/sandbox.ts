import { hiderOf, isIn } from "./path-rules.ts";
import { listing } from "./unit-sections.ts";
import { pathWord } from "./unit-escaping.ts";

/** What a relay's service needs of the machine; all else is taken from it. */
export interface Needs {
  /** Opens TCP sockets of its own, beyond those that systemd passes. */
  readonly tcp: boolean;
  /** Uses the network that the machine has; otherwise one that no other process is in will do. */
  readonly network: boolean;
  /** All its TCP sockets have both ends on this machine. */
  readonly local: boolean;
  /** Listens by itself on a port that takes a capability. */
  readonly privilegedPort: boolean;
  /** Has to know the users of other processes by their numbers. */
  readonly users: boolean;
  /** Changes the owner or group of the file that it makes. */
  readonly chown: boolean;
  /** Folders in which it makes files, and those (or the files) that it only reaches. */
  readonly writes: readonly string[];
  readonly reads: readonly string[];
}

/** What several parts of one process need together. */
export function unite(parts: readonly Needs[]): Needs {
  return {
    tcp: parts.some(({ tcp }) => tcp),
    network: parts.some(({ network }) => network),
    local: parts.every(({ local }) => local),
    privilegedPort: parts.some(({ privilegedPort }) => privilegedPort),
    users: parts.some(({ users }) => users),
    chown: parts.some(({ chown }) => chown),
    writes: parts.flatMap(({ writes }) => writes),
    reads: parts.flatMap(({ reads }) => reads),
  };
}

/**
 * The lines of `[Service]` that lock a relay in, each known to work with Bun. DynamicUser= implies
 * some of them; those are in `STATIC_USER` for a service that runs as a user of the system. `kept` has
 * the specifiers that paths may have.
 */
export function sandbox(needs: Needs, kept: string): string[] {
  return [
    ...capabilities(needs),
    ...networkLines(needs),
    ...pathLines(needs, kept),
    "LockPersonality=yes",
    "# No MemoryDenyWriteExecute=: it would take away Bun's JIT compiler, and with it the",
    "# calls into libc by which no answer of a Unix destination is ever lost.",
    "# Where it must be all the same: units --no-socket, and NotifyAccess=all.",
    "PrivateDevices=yes",
    "PrivateMounts=yes",
    "ProcSubset=pid",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "SystemCallArchitectures=native",
    "SystemCallErrorNumber=EPERM",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    ...(needs.chown ? ["SystemCallFilter=@chown"] : []),
    "UMask=0077",
  ];
}

/**
 * Of the lines above those that a user's manager can set up. It has no privileges but in a user
 * namespace; where the relay must see the users outside, only what needs no privilege is left.
 */
export function withoutPrivileges(lines: readonly string[], needs: Needs): string[] {
  const isKept = (name: string) => (needs.users ? UNPRIVILEGED.has(name) : !ROOT_ONLY.has(name));
  return lines.filter((line) => isComment(line) || isKept(line.split("=", 1)[0] ?? ""));
}

const ROOT_ONLY: ReadonlySet<string> = new Set([
  // They take programs in the kernel's control groups, which root alone may load.
  "IPAddressAllow",
  "IPAddressDeny",
  // Fails beside ProcSubset=, which hides the file that it would hide.
  "ProtectKernelLogs",
  // Has no meaning without User=.
  "RemoveIPC",
]);

const UNPRIVILEGED: ReadonlySet<string> = new Set([
  "LockPersonality",
  "NoNewPrivileges",
  "RestrictAddressFamilies",
  "RestrictNamespaces",
  "RestrictRealtime",
  "RestrictSUIDSGID",
  "SystemCallArchitectures",
  "SystemCallErrorNumber",
  "SystemCallFilter",
  "UMask",
]);

function isComment(line: string): boolean {
  return line === "" || line.startsWith("#");
}

/** What DynamicUser= implies and User= does not. */
export const STATIC_USER: readonly string[] = [
  "NoNewPrivileges=yes",
  "PrivateTmp=yes",
  "ProtectSystem=strict",
  "RemoveIPC=yes",
  "RestrictSUIDSGID=yes",
];

function capabilities({ privilegedPort, users }: Needs): string[] {
  // In a user namespace a capability says nothing about ports of the network outside it.
  if (privilegedPort)
    return [
      "AmbientCapabilities=CAP_NET_BIND_SERVICE",
      "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
    ];
  return [
    "CapabilityBoundingSet=",
    users ? "# No PrivateUsers=: it would make all clients nobody." : "PrivateUsers=yes",
  ];
}

function networkLines({ tcp, network, local }: Needs): string[] {
  return [
    ...(network ? [] : ["PrivateNetwork=yes"]),
    `RestrictAddressFamilies=AF_UNIX${tcp ? " AF_INET AF_INET6" : ""}`,
    ...(tcp && local ? ["IPAddressDeny=any", "IPAddressAllow=localhost"] : []),
  ];
}

function pathLines({ writes, reads }: Needs, kept: string): string[] {
  const word = (path: string) => pathWord(path, kept);
  const hidesNone = (path: string) => hiderOf(path) === undefined;
  const bound = writes.filter((path) => !hidesNone(path));
  const reached = reads.filter(
    (path) => !hidesNone(path) && !bound.some((folder) => isIn(path, folder)),
  );
  return [
    // An empty folder in place of each home lets parts of one be put into it.
    `ProtectHome=${[...bound, ...reached].some((path) => hiderOf(path) === "home") ? "tmpfs" : "yes"}`,
    ...listing("ReadWritePaths", writes.filter(hidesNone).map(word)),
    ...listing("BindPaths", bound.map(word)),
    ...listing("BindReadOnlyPaths", reached.map(word)),
  ];
}
