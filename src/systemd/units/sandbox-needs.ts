/**
 * The access to the machine that a relay's service needs, of the kinds that the sandbox can deny.
 */
export interface SandboxNeeds {
  /** True if the relay itself opens TCP sockets. Sockets that systemd passes do not count. */
  readonly tcp: boolean;
  /**
   * True if the relay uses the machine's own network namespace. If false, the unit has
   * PrivateNetwork=yes.
   */
  readonly network: boolean;
  /** True if no TCP socket of the relay has an end on another machine. */
  readonly local: boolean;
  /** True if the relay itself listens on a port that needs a capability. */
  readonly privilegedPort: boolean;
  /** True if the relay must see the real user ids of other processes. */
  readonly users: boolean;
  /** True if the relay changes the owner or group of a socket file that it makes. */
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
