/** The access to the machine that a relay's service needs. The sandbox denies all other access. */
export interface SandboxNeeds {
  /** The relay opens TCP sockets itself, besides the sockets that systemd passes. */
  readonly tcp: boolean;
  /** The relay uses the machine's network; otherwise it gets a private network namespace. */
  readonly network: boolean;
  /** All TCP sockets of the relay have both ends on this machine. */
  readonly local: boolean;
  /** The relay itself listens on a port that needs a capability. */
  readonly privilegedPort: boolean;
  /** The relay must see the real user ids of other processes. */
  readonly users: boolean;
  /** The relay changes the owner or group of a socket file that it makes. */
  readonly chown: boolean;
  /** Folders in which the relay makes files. */
  readonly writes: readonly string[];
  /** Folders and files that the relay only opens. */
  readonly reads: readonly string[];
}

/** Unites the needs of several parts of one process. */
export function unite(parts: readonly SandboxNeeds[]): SandboxNeeds {
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
