import { printAddress, type SocketEndpoint } from "../address/address.ts";
import { ADMIN_MODE } from "../observe/admin/admin-mode.ts";
import type { AdminServer } from "../observe/admin/admin-server.ts";
import type { AdminPermissions } from "../observe/admin/bind-admin.ts";
import { HTTP_DESCRIPTORS_MOST } from "../observe/admin/http-limits.ts";
import type { Observation } from "../observe/figures/observe-process.ts";
import { faultLog } from "../observe/log/refusals-and-failures-log.ts";
import type { Log } from "../observe/log/log.ts";
import type { HandedSource } from "../relay/kinds-of-source.ts";
import type { ListenerRole } from "./handover/handover-document.ts";
import type { OpenedListener } from "./handover/hand-over.ts";
import type { ProcessWide } from "./process-plan.ts";

/** The roles of the sockets on which the process answers requests about its relays. */
type AdminRole = Exclude<ListenerRole, "source">;

interface Wanted {
  readonly role: AdminRole;
  readonly address: SocketEndpoint;
  readonly permissions: AdminPermissions;
}

/** The options that decide which servers a process has, and who may use them. */
type ServerAddresses = Partial<Pick<ProcessWide, "admin" | "adminMode" | "adminGroup" | "metrics">>;

/** Returns the servers that a plan has. */
function plannedServers({
  admin,
  adminMode,
  adminGroup,
  metrics,
}: ServerAddresses): readonly Wanted[] {
  const permissions = { mode: adminMode ?? ADMIN_MODE, group: adminGroup };
  const wanted: Wanted[] = [];
  if (admin !== undefined) wanted.push({ role: "admin", address: admin, permissions });
  if (metrics !== undefined) wanted.push({ role: "metrics", address: metrics, permissions });
  return wanted;
}

/**
 * The maximum number of descriptors that the servers of a plan use. These descriptors are reserved:
 * the relays' connections never use them, even while the servers have no client. Otherwise a full
 * relay could leave no descriptor to a client that wants to see the status, and clients of a server
 * could leave none to a relay.
 */
export function serverDescriptors(plan: ServerAddresses): number {
  return plannedServers(plan).length * HTTP_DESCRIPTORS_MOST;
}

/** Whether a plan has an admin or a metrics server, from which clients learn about the relays. */
export function hasAdminServers(plan: ProcessWide): boolean {
  return plannedServers(plan).length > 0;
}

const OPENED: Readonly<Record<AdminRole, string>> = {
  admin: "status and metrics on",
  metrics: "metrics and health on",
};

/** The servers of `--admin` and `--metrics`. Both start, stop and are handed over together. */
export class AdminServers implements Disposable {
  readonly #servers: readonly (Wanted & { readonly server: AdminServer })[];

  private constructor(servers: readonly (Wanted & { readonly server: AdminServer })[]) {
    this.#servers = servers;
  }

  /**
   * Opens all servers of a plan, or none.
   *
   * @param claim - returns the sockets that a predecessor handed over for an address; null if there
   *   are none, so that the server must bind the address
   * @throws {RelayError} if listening on an address fails
   */
  static async open(
    plan: ProcessWide,
    observation: Observation,
    log: Log,
    claim: (
      role: AdminRole,
      address: SocketEndpoint,
      permissions: AdminPermissions,
    ) => HandedSource | null,
  ): Promise<AdminServers> {
    // Load the servers' code on demand, because a process without a server then starts faster.
    const { openAdmin, openMetrics } = await import("../observe/admin/admin-server.ts");
    const open = { admin: openAdmin, metrics: openMetrics };
    const fault = faultLog(log);
    const warning = (message: string) => log.warn(message, { event: "warning" });
    using opened = new DisposableStack();
    const servers: (Wanted & { readonly server: AdminServer })[] = [];
    for (const wanted of plannedServers(plan)) {
      const { role, address, permissions } = wanted;
      const socket = claim(role, address, permissions) ?? address;
      const server = opened.use(
        await open[role](socket, { observation, permissions, fault, warning }),
      );
      const words = printAddress(server.endpoint);
      log.info(`${OPENED[role]} ${words}`, { event: role, address: words });
      servers.push({ ...wanted, server });
    }
    opened.move();
    return new AdminServers(servers);
  }

  /** The addresses that the servers listen on. */
  get endpoints(): readonly SocketEndpoint[] {
    return this.#servers.map(({ server }) => server.endpoint);
  }

  /** The servers' listening sockets, which a successor can take over. */
  get listeners(): readonly OpenedListener[] {
    return this.#servers.map(({ role, address, permissions, server }) => {
      return { role, address, socket: server.forHandover(), permissions };
    });
  }

  /**
   * Starts to answer clients on the sockets that a predecessor handed over. A server on an address
   * that this process bound itself has answered clients since `open`.
   */
  accept(): void {
    for (const { server } of this.#servers) server.accept();
  }

  /**
   * Stops accepting clients. Settles when all clients have received their answers.
   *
   * @param isGivenUp - called for each socket, with its index in `listeners`, its role and its
   * address. Returns true if no other process uses the socket: then the socket's file is removed.
   * Returns false if another process uses the socket: then the file stays.
   */
  async leave(
    isGivenUp: (index: number, role: AdminRole, address: SocketEndpoint) => boolean,
  ): Promise<void> {
    const left = this.#servers.map(({ role, address, server }, index) =>
      server.leave({ isGivenUp: isGivenUp(index, role, address) }),
    );
    await Promise.all(left);
  }

  [Symbol.dispose](): void {
    for (const { server } of this.#servers) server[Symbol.dispose]();
  }
}
