import { hiderOf, isIn } from "./directives-for-paths.ts";
import { listing } from "./print-sections.ts";
import { pathWord } from "./unit-escaping.ts";
import type { SandboxNeeds } from "./sandbox-needs.ts";

/**
 * The lines of `[Service]` that are a relay's sandbox. Each line is known to work with Bun.
 * DynamicUser= implies further lines; a service with a static user gets the same lines from
 * `STATIC_USER`. `kept` has the letters of the specifiers that systemd expands in paths, such as
 * `i` for `%i`.
 */
export function sandbox(needs: SandboxNeeds, kept: string): string[] {
  return [
    ...capabilities(needs),
    ...networkLines(needs),
    ...pathLines(needs, kept),
    "LockPersonality=yes",
    "# No MemoryDenyWriteExecute=: it would disable Bun's JIT compiler, and with it the calls",
    "# into libc. Without these calls the relay can lose a Unix destination's last answer.",
    "# If you must set it: use units --no-socket, and add NotifyAccess=all.",
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
 * The sandbox lines that a user's manager can carry out. Such a manager has privileges only inside
 * a user namespace. A relay that must see real user ids (`needs.users`) cannot be in a user
 * namespace, so its unit gets only the lines that need no privileges.
 */
export function withoutPrivileges(lines: readonly string[], needs: SandboxNeeds): string[] {
  const isKept = (name: string) => (needs.users ? UNPRIVILEGED.has(name) : !ROOT_ONLY.has(name));
  return lines.filter((line) => isComment(line) || isKept(line.split("=", 1)[0] ?? ""));
}

const ROOT_ONLY: ReadonlySet<string> = new Set([
  // These settings need BPF programs on control groups, and only root may load such programs.
  "IPAddressAllow",
  "IPAddressDeny",
  // In a user's manager this setting fails if ProcSubset= is set as well. The setting is not
  // needed, because ProcSubset= already hides /proc/kmsg, the kernel's log.
  "ProtectKernelLogs",
  // This setting has no effect without User=.
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

/** The lines that DynamicUser= implies and User= does not. */
export const STATIC_USER: readonly string[] = [
  "NoNewPrivileges=yes",
  "PrivateTmp=yes",
  "ProtectSystem=strict",
  "RemoveIPC=yes",
  "RestrictSUIDSGID=yes",
];

function capabilities({ privilegedPort, users }: SandboxNeeds): string[] {
  // Leave PrivateUsers= out, because a capability in a user namespace gives no right to ports of
  // the network outside that namespace.
  if (privilegedPort)
    return [
      "AmbientCapabilities=CAP_NET_BIND_SERVICE",
      "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
    ];
  return [
    "CapabilityBoundingSet=",
    users
      ? "# No PrivateUsers=: the relay would see all clients as the user nobody."
      : "PrivateUsers=yes",
  ];
}

function networkLines({ tcp, network, local }: SandboxNeeds): string[] {
  return [
    ...(network ? [] : ["PrivateNetwork=yes"]),
    `RestrictAddressFamilies=AF_UNIX${tcp ? " AF_INET AF_INET6" : ""}`,
    // These settings do not apply to a TCP socket that systemd passes. For such a socket, the
    // settings of its .socket unit apply (systemd.resource-control(5)).
    ...(tcp && !local ? [] : ["IPAddressDeny=any"]),
    ...(tcp && local ? ["IPAddressAllow=localhost"] : []),
  ];
}

function pathLines({ writes, reads }: SandboxNeeds, kept: string): string[] {
  const word = (path: string) => pathWord(path, kept);
  const hidesNone = (path: string) => hiderOf(path) === undefined;
  const bound = writes.filter((path) => !hidesNone(path));
  const reached = reads.filter(
    (path) => !hidesNone(path) && !bound.some((folder) => isIn(path, folder)),
  );
  return [
    // `tmpfs` makes each home an empty folder, so that BindPaths= and BindReadOnlyPaths= can mount
    // paths in the folder. With `yes`, these two settings could not mount paths there.
    `ProtectHome=${[...bound, ...reached].some((path) => hiderOf(path) === "home") ? "tmpfs" : "yes"}`,
    ...listing("ReadWritePaths", writes.filter(hidesNone).map(word)),
    ...listing("BindPaths", bound.map(word)),
    ...listing("BindReadOnlyPaths", reached.map(word)),
  ];
}
