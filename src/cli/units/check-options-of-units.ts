import type { Endpoint, SocketEndpoint } from "../../address/address.ts";
import { isIPv4, isIPv6 } from "../../address/parse-and-print-ip.ts";
import type { OptionValues } from "../../options/option-table.ts";
import { absolutePath } from "../../os/canonical-path.ts";
import { groupId, userId } from "../../os/user-ids.ts";
import {
  folderOf,
  isHiddenDevice,
  runtimeDirectory,
} from "../../systemd/units/directives-for-paths.ts";
import { IDLE_LEAST } from "../../systemd/least-exit-idle-time.ts";
import { addressText, INSTANCE_PORT, isTemplate } from "../../systemd/units/specifiers.ts";
import { endsAsWritten, hasControls } from "../../systemd/units/unit-escaping.ts";
import type { FilePermissions, UnitRelay } from "../../systemd/units/unit-plan.ts";
import { UsageError } from "../line/usage-error.ts";
import { pathForServer } from "./path-for-server.ts";

// The functions of this file refuse everything that a unit cannot do, or cannot do safely.

/**
 * Refuses an admin or metrics address that a unit cannot contain, or on which a relay without
 * root's rights cannot listen.
 */
export function checkServers(values: OptionValues): void {
  for (const [option, endpoint] of [
    ["--admin", values.admin],
    ["--metrics", values.metrics],
  ] as const) {
    if (endpoint === undefined) continue;
    checkAddress(option, endpoint, values);
    checkFolder(option, endpoint);
  }
}

/**
 * Refuses options that cannot work in the units' sandbox. In the sandbox a relay cannot write
 * files, and it cannot enter a network namespace, because that needs CAP_SYS_ADMIN.
 */
export function checkSandbox(values: {
  readonly sourceNetns?: string | undefined;
  readonly destinationNetns?: string | undefined;
  readonly capture?: string | undefined;
}): void {
  if (values.capture !== undefined)
    throw new UsageError(
      "--capture: the sandbox of these units lets the relay write no file; capture with a relay " +
        "that you start by hand, in front of this one",
    );
  for (const [option, netns] of [
    ["--source-netns", values.sourceNetns],
    ["--destination-netns", values.destinationNetns],
  ] as const)
    if (netns !== undefined)
      throw new UsageError(
        `${option} needs CAP_SYS_ADMIN, which the sandbox of these units denies; let systemd put ` +
          "the relay into the namespace: --service, or NetworkNamespacePath= (systemd.exec(5))",
      );
}

/**
 * Returns the source, which must be an address where a new socket can listen. Refuses an inherited
 * socket, and port 0.
 */
export function fixedSource(source: Endpoint): SocketEndpoint {
  if (source.kind === "systemd" || source.kind === "fd")
    throw new UsageError(
      "SOURCE must be an address where a new socket can listen: write /PATH, @NAME or HOST:PORT",
    );
  if (source.kind === "tcp" && source.port === 0)
    throw new UsageError(
      "SOURCE needs a port: port 0 would be a different, unknown port each time",
    );
  return source;
}

/**
 * Refuses the port `%i` and a service `NAME@%i` if the units are not a template. Refuses a template
 * whose source, admin or metrics address has no `%i`, because all instances of the template would
 * have the same address.
 */
export function checkInstance(
  endpoints: readonly [source: SocketEndpoint, destination: SocketEndpoint],
  values: Pick<OptionValues, "service" | "admin" | "metrics" | "userUnit">,
  name: string,
): void {
  const [source] = endpoints;
  if (isTemplate(name)) {
    checkServersOfInstances(values, name);
    if (/%i/i.test(addressText(source))) return;
    throw new UsageError("SOURCE needs %i, the instance: each instance listens on its own address");
  }
  const hasPort = endpoints.some((one) => one.kind === "tcp" && one.port === INSTANCE_PORT);
  if (hasPort || isOfInstance(values.service))
    throw new UsageError("%i works only in a template: add --name=NAME@");
}

/**
 * Refuses an admin or metrics address that all instances of a template would share, because only
 * the first instance could listen on it. If each instance joins the network namespace of a service
 * of its own, the instances share only paths: a port or an abstract socket belongs to a network
 * namespace.
 */
function checkServersOfInstances(
  { service, admin, metrics, userUnit }: Parameters<typeof checkInstance>[1],
  template: string,
): void {
  for (const [server, endpoint] of [
    ["admin", admin],
    ["metrics", metrics],
  ] as const) {
    if (endpoint === undefined || /%i/i.test(addressText(endpoint))) continue;
    if (endpoint.kind !== "unix" && isOfInstance(service)) continue;
    throw new UsageError(
      `--${server} needs %i, because each instance listens on its own address: ` +
        `write --${server}=${pathForServer(server, template, userUnit ? "%t" : "/run")}`,
    );
  }
}

/** Whether each instance of a template has its own `service`. */
export function isOfInstance(service: string | undefined): boolean {
  return service?.includes("@%i.") === true;
}

/**
 * Refuses an address that a unit cannot contain: a relative path, or an address with `..` or a
 * control character.
 */
export function checkAddress(
  word: string,
  address: SocketEndpoint,
  { userUnit }: Pick<OptionValues, "userUnit">,
): void {
  if (address.kind === "tcp") return;
  const text = address.kind === "unix" ? address.path : address.name;
  if (hasControls(text))
    throw new UsageError(`${word} has a control character; a unit cannot contain it`);
  if (address.kind !== "unix") return;
  const ofAnyUser = userUnit && /^%[th]\//.test(text);
  const isAbsolute = ofAnyUser || text.startsWith("/");
  if (isAbsolute && text.split("/").includes(".."))
    throw new UsageError(
      `${word} contains .., and systemd ignores such paths in most settings: write ` +
        (ofAnyUser ? "the path without it" : absolutePath(text)),
    );
  if (isAbsolute) return;
  throw new UsageError(
    `${word} is relative, and a unit has no working folder: write ${absolutePath(text)}`,
  );
}

/** Refuses a source on which systemd cannot listen. */
export function checkListening(source: SocketEndpoint): void {
  if (source.kind === "tcp") {
    if (source.host !== "" && !isIPv4(source.host) && !isIPv6(source.host))
      throw new UsageError(
        "SOURCE: systemd cannot listen on a host name: write 127.0.0.1:PORT or [::1]:PORT, or add --no-socket",
      );
  } else if (!endsAsWritten(source.kind === "unix" ? source.path : source.name))
    throw new UsageError(
      "SOURCE ends in a space or a backslash; a .socket unit cannot contain it: add --no-socket",
    );
}

/**
 * Refuses a Unix source whose file a relay without root's rights cannot make as the options say.
 */
export function checkOwnSource(
  source: SocketEndpoint,
  values: Pick<OptionValues, "owner" | "user">,
  file: FilePermissions,
): void {
  if (source.kind !== "unix") return;
  checkFolder("SOURCE", source);
  if (file.directoryMode !== undefined && runtimeDirectory(source.path) === undefined)
    throw new UsageError(
      "--directory-mode: the relay may not make folders, and systemd makes them only below /run; " +
        "make the folder first, or leave out --no-socket",
    );
  if (file.owner !== undefined && values.owner !== idOf(values.user))
    throw new UsageError(
      "--owner: only root can change a file's owner, and the relay is not root; " +
        `leave out --no-socket, so that systemd makes the file, or add --user=${file.owner}`,
    );
}

/** Refuses a socket in /dev that the relay cannot reach, because its service has its own /dev. */
export function checkDevice(word: string, address: SocketEndpoint): void {
  if (address.kind !== "unix" || !isHiddenDevice(address.path)) return;
  throw new UsageError(
    `${word}: the service has its own /dev (PrivateDevices=yes), so the socket cannot be in ` +
      `${folderOf(address.path)}; use a folder in /run`,
  );
}

function checkFolder(word: string, address: SocketEndpoint): void {
  if (address.kind !== "unix") return;
  checkDevice(word, address);
  const folder = folderOf(address.path);
  if (!["/", "/run", "/var/run"].includes(folder)) return;
  const orSocket = word === "SOURCE" ? ", or leave out --no-socket" : "";
  throw new UsageError(
    `${word}: only root can make files in ${folder}; write /run/NAME/socket${orSocket}`,
  );
}

/**
 * Refuses options that do not work together, and an idle time that is too short for a .socket unit.
 */
export function checkOptions(values: OptionValues, file: FilePermissions): void {
  const { service, onDemand, exitIdleTime, noSocket, adminGroup, group } = values;
  if (values.force && values.output === undefined)
    throw new UsageError("--force makes sense only with --output");
  const leaves = onDemand === undefined ? "--exit-idle-time" : "--on-demand";
  if (noSocket && (onDemand ?? exitIdleTime) !== undefined)
    throw new UsageError(
      `${leaves} does not work with --no-socket: only a .socket unit starts the relay again`,
    );
  if (exitIdleTime !== undefined && exitIdleTime < IDLE_LEAST)
    throw new UsageError(
      "--exit-idle-time needs at least 1s: a .socket unit treats a relay that exits sooner as failed",
    );
  if (onDemand !== undefined && exitIdleTime !== undefined)
    throw new UsageError("--on-demand sets --exit-idle-time itself: leave out --exit-idle-time");
  if (onDemand !== undefined && service === undefined)
    throw new UsageError(
      "--on-demand stops a service: add --service; to stop only the relay, use --exit-idle-time",
    );
  if (noSocket && file.group !== undefined && adminGroup !== undefined && adminGroup !== group)
    throw new UsageError(
      "--admin-group must be the same as --group: the relay makes both files and has one group",
    );
}

/**
 * Refuses an admin socket that the clients of a relay could open although nobody asked for that.
 * Without .socket units, the group of a source's file is the main group of the service (Group=).
 * The admin socket's file has this group, too, and its default mode lets the group in.
 */
export function checkReadersOfAdmin(
  relays: readonly UnitRelay[],
  { noSocket, admin, adminMode, adminGroup }: OptionValues,
): void {
  const [group] = relays.flatMap(({ source, file }) =>
    source.kind === "unix" ? (file.group ?? []) : [],
  );
  if (!noSocket || group === undefined || admin?.kind !== "unix") return;
  if (adminMode !== undefined || adminGroup !== undefined) return;
  throw new UsageError(
    `--admin: with --no-socket its file has the group ${group}, too, so all clients in this group ` +
      `could see who is connected: add --admin-mode=0600, or --admin-group=${group} to allow it`,
  );
}

/**
 * Refuses the name of `service` itself as the name of the units. Also refuses the name of a user or
 * group of this system, if systemd would make a dynamic user with this name for the relay.
 */
export function checkName(name: string, { service, user, userUnit }: OptionValues): void {
  if (service === `${name}.service`)
    throw new UsageError(`--name: ${service} is the service itself; the relay needs another name`);
  // The dynamic user of every instance of a template has the template's name without the `@`.
  const account = name.replace(/@$/, "");
  if (!userUnit && user === undefined && (userId(account) ?? groupId(account)) !== undefined)
    throw new UsageError(
      `--name: ${account} is a user or group of this system, and the relay would get its rights; ` +
        "choose another name or add --user",
    );
}

function idOf(user: string | undefined): number | undefined {
  if (user === undefined) return undefined;
  return /^\d+$/.test(user) ? Number(user) : userId(user);
}
