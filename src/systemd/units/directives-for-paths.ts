import { posix } from "node:path";
import { INSTANCE_PORT } from "./specifiers.ts";
import { type Role, type SocketEndpoint, staysLocal } from "../../address/address.ts";

/** The folder of a Unix socket, without `..` and double slashes. */
export function folderOf(path: string): string {
  return posix.dirname(posix.normalize(path));
}

/**
 * The path of a socket's folder, relative to /run (to `%t` with a user's manager), for
 * `RuntimeDirectory=`. systemd makes this folder, gives it to the service, and removes it when the
 * service stops. `undefined` if the folder is not below /run, or if systemd or users' sessions need
 * the folder, so that it must not be removed.
 */
export function runtimeDirectory(path: string): string | undefined {
  const [, below = ""] = /^(?:\/(?:var\/)?run|%t)\/(.+)$/.exec(folderOf(path)) ?? [];
  const [top = ""] = below.split("/");
  return OTHERS.has(top) ? undefined : below;
}

const OTHERS = new Set(["", "credentials", "dbus", "lock", "private", "systemd", "udev", "user"]);

/**
 * The setting that hides a path from a service: `ProtectHome=` (home) or `PrivateTmp=` (tmp), as in
 * systemd.exec(5); undefined if neither setting hides the path.
 */
export function hiderOf(path: string): "home" | "tmp" | undefined {
  if (["/home", "/root", "/run/user", "%t", "%h"].some((folder) => isIn(path, folder)))
    return "home";
  return ["/tmp", "/var/tmp"].some((folder) => isIn(path, folder)) ? "tmp" : undefined;
}

/**
 * Whether `PrivateDevices=` hides a socket from a service: the service has a /dev of its own, and
 * only /dev/shm in it is the machine's.
 */
export function isHiddenDevice(path: string): boolean {
  const folder = folderOf(path);
  return isIn(folder, "/dev") && !isIn(folder, "/dev/shm");
}

/** Whether a path is the folder itself or below the folder. */
export function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(posix.join(folder, "/"));
}

/** Whether an address works only after the network is configured. */
export function needsNetworkUp(endpoint: SocketEndpoint, role: Role): boolean {
  return endpoint.kind === "tcp" && !staysLocal(endpoint, role) && !EVERYWHERE.has(endpoint.host);
}

const EVERYWHERE = new Set(["", "0.0.0.0", "::"]);

// Linux's default of net.ipv4.ip_unprivileged_port_start (ip(7)).
const UNPRIVILEGED_PORTS = 1_024;

/**
 * Whether listening on the endpoint needs a capability. False for the port `%i` of a template,
 * because the ports of the instances are not known here.
 */
export function isPrivileged(endpoint: SocketEndpoint): boolean {
  if (endpoint.kind !== "tcp" || endpoint.port === INSTANCE_PORT) return false;
  return endpoint.port < UNPRIVILEGED_PORTS;
}
