import { type SocketEndpoint, staysLocal } from "../../address/address.ts";
import { folderOf, hiderOf, isPrivileged, runtimeDirectory } from "./directives-for-paths.ts";
import { type SandboxNeeds, unite } from "./sandbox-needs.ts";
import type { UnitPlan, UnitRelay } from "./unit-plan.ts";

/** The access to the machine that the relays' service needs. */
export function sandboxNeedsOf(plan: UnitPlan): SandboxNeeds {
  const { admin, metrics, relays, unlistedRelays } = plan;
  return unite([
    { ...NOTHING, reads: [plan.program, ...configFolder(plan), ...managerSockets(plan)] },
    ...relays.flatMap((relay) => [sourceNeeds(relay, plan), destinationNeeds(relay, plan)]),
    ...(admin === undefined ? [] : [adminNeeds(admin, plan)]),
    ...(metrics === undefined ? [] : [metricsNeeds(metrics, plan)]),
    ...(unlistedRelays === undefined ? [] : [unlistedRelays]),
  ]);
}

/** The endpoints that the process itself listens on. */
function listensOn({ relays, admin, metrics, socket }: UnitPlan): SocketEndpoint[] {
  const servers = [admin, metrics].filter((endpoint) => endpoint !== undefined);
  return [...(socket ? [] : relays.map(({ source }) => source)), ...servers];
}

/** The paths of the socket files that the relay itself makes. */
export function makesFiles(plan: UnitPlan): string[] {
  return listensOn(plan).flatMap((endpoint) => (endpoint.kind === "unix" ? [endpoint.path] : []));
}

/**
 * Whether the destination's socket is in /tmp or /var/tmp, and the relay joins the namespaces of
 * `service` (JoinsNamespaceOf=). If `service` has a private /tmp, the relay has the same private
 * /tmp and finds the socket there.
 */
export function sharesTmp(destination: SocketEndpoint, service: string | undefined): boolean {
  return (
    service !== undefined && destination.kind === "unix" && hiderOf(destination.path) === "tmp"
  );
}

const NOTHING: SandboxNeeds = {
  tcp: false,
  network: false,
  local: true,
  privilegedPort: false,
  users: false,
  chown: false,
  writes: [],
  reads: [],
};

/**
 * The notify socket of a user's manager. The relay needs this socket, but ProtectHome= hides the
 * socket's folder.
 */
function managerSockets({ manager }: UnitPlan): string[] {
  return manager === "user" ? ["%t/systemd/notify"] : [];
}

/**
 * The folder of the configuration file. The relay needs the folder, because an editor may replace
 * the file, and a bind mount of the file itself would still show the old file.
 */
function configFolder({ config }: UnitPlan): string[] {
  return config === undefined ? [] : [folderOf(config)];
}

function sourceNeeds({ source, file, seesUsers }: UnitRelay, plan: UnitPlan): SandboxNeeds {
  const { socket } = plan;
  const users = seesUsers && source.kind !== "tcp";
  // If `socket` is true, systemd opens the source outside the relay's sandbox, so the sandbox need
  // not allow access to the source.
  if (socket) return { ...NOTHING, users };
  return {
    ...listening(source, plan),
    local: staysLocal(source, "source"),
    users,
    chown: (file.owner !== undefined || file.group !== undefined) && givesAway(source),
  };
}

function destinationNeeds({ destination }: UnitRelay, { service }: UnitPlan): SandboxNeeds {
  const isHidden = destination.kind === "unix" && !sharesTmp(destination, service);
  return {
    ...NOTHING,
    tcp: destination.kind === "tcp",
    network: usesNetwork(destination, service),
    local: staysLocal(destination, "destination"),
    reads: isHidden ? [folderOf(destination.path)] : [],
  };
}

/** The needs of the admin server, whose address is a Unix socket or a loopback port. */
function adminNeeds(admin: SocketEndpoint, plan: UnitPlan): SandboxNeeds {
  return {
    ...listening(admin, plan),
    chown: plan.adminGroup !== undefined && givesAway(admin),
  };
}

/**
 * Whether the relay may have to change the owner or group of the socket file that it makes. False
 * in a folder of RuntimeDirectory=, because files there already have the relay's user and group.
 * True in any other folder, because a folder with the setgid bit gives its own group to new files.
 */
function givesAway(endpoint: SocketEndpoint): boolean {
  return endpoint.kind === "unix" && runtimeDirectory(endpoint.path) === undefined;
}

/**
 * The needs of the metrics server. Unlike an admin address, a metrics address may be one that other
 * machines can reach.
 */
function metricsNeeds(metrics: SocketEndpoint, plan: UnitPlan): SandboxNeeds {
  return { ...adminNeeds(metrics, plan), local: staysLocal(metrics, "source") };
}

function listening(endpoint: SocketEndpoint, { service, manager }: UnitPlan): SandboxNeeds {
  return {
    ...NOTHING,
    tcp: endpoint.kind === "tcp",
    network: usesNetwork(endpoint, service),
    privilegedPort: isPrivileged(endpoint),
    writes: endpoint.kind === "unix" ? writes(endpoint.path, manager) : [],
  };
}

/**
 * Whether the endpoint needs the machine's network namespace. TCP sockets and abstract sockets do,
 * because they belong to a network namespace (network_namespaces(7)). False if the relay joins the
 * namespace of `service`.
 */
function usesNetwork(endpoint: SocketEndpoint, service: string | undefined): boolean {
  return service === undefined && endpoint.kind !== "unix";
}

/**
 * The folder of a socket file, if the unit must make the folder writable for the relay. A folder of
 * RuntimeDirectory= is left out with the system's manager, because systemd makes the folder
 * writable. With a user's manager the folder is included, because ProtectHome= hides /run/user.
 */
function writes(path: string, manager: UnitPlan["manager"]): string[] {
  return manager === "system" && runtimeDirectory(path) !== undefined ? [] : [folderOf(path)];
}
