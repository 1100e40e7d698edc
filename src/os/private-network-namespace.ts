import { readFileSync } from "node:fs";
import { errorCode } from "./errno.ts";
import { socketsInNetwork } from "./sockets-in-namespace.ts";
import { type Libc, libc } from "./libc.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  SO_NETNS_COOKIE,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./linux-constants.ts";

const LOOPBACK = "lo";

/**
 * The names of fallback tunnel devices. If the module of such a device was loaded, the kernel puts
 * the device into every new network namespace, in the state "down" and without an address (sysctl
 * net.core.fb_tunnels_only_for_init_net). The device sends only through the other interfaces of the
 * namespace, and cannot move to another namespace. `whyNotPrivate` therefore ignores such a device
 * while it is down.
 */
const FALLBACK_TUNNELS: ReadonlySet<string> = new Set([
  ...["erspan0", "gre0", "gretap0", "ip6_vti0", "ip6gre0", "ip6tnl0", "ip_vti0", "sit0", "tunl0"],
]);

// netdevice(7)
const IFF_UP = 1;

/** The socket on which the service manager receives the states of its services. */
const MANAGER_SOCKET = "/run/systemd/notify";

// The maximum number of interfaces that a message names. A few are enough to recognise a namespace.
const SHOWN_INTERFACES = 3;

/**
 * The reason why this process's network namespace is not private (network_namespaces(7)); null if
 * the namespace is private. The reason completes a sentence that begins with "this network
 * namespace". A namespace is private if it has no interface but loopback (and fallback tunnels that
 * are down, see `FALLBACK_TUNNELS`), and if the service manager is not in it. The namespace of the
 * manager is the host's own: there every user can reach a port on loopback, even if the machine has
 * no other interface.
 *
 * `notifySocket` is this process's NOTIFY_SOCKET (sd_notify(3)). This socket of the service manager
 * is in the list of the namespace's sockets if the manager is in the namespace.
 */
export function whyNotPrivate(notifySocket: string | undefined): string | null {
  try {
    const others = otherInterfaces(readFileSync("/proc/self/net/dev", "utf8")).filter(
      (name) => !FALLBACK_TUNNELS.has(name) || !isDown(name),
    );
    if (others.length > 0) return `has ${listInterfaces(others)}`;
    const sockets = readFileSync("/proc/self/net/unix", "utf8");
    const managers = [MANAGER_SOCKET, ...(notifySocket === undefined ? [] : [notifySocket])];
    if (hasSocketAt(sockets, managers)) return "is the one that the service manager runs in";
    return null;
  } catch (error) {
    // Report the namespace as not private, because without /proc the answer is unknown.
    return `cannot be examined (${errorCode(error)})`;
  }
}

/** The interfaces besides loopback in the text of /proc/PID/net/dev (proc(5)). */
export function otherInterfaces(text: string): string[] {
  return [...text.matchAll(/^ *([^:|]+):/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== LOOPBACK);
}

/** Whether the text of /proc/PID/net/unix (proc(5)) lists a socket at one of the paths. */
export function hasSocketAt(text: string, paths: readonly string[]): boolean {
  return paths.some((path) => text.includes(` ${path}\n`));
}

/**
 * Whether an interface is down, so that it carries no traffic. False also if the state of the
 * interface is unknown, for example without FFI.
 */
function isDown(name: string): boolean {
  const flags = libc === null ? IFF_UP : libc.interfaceFlags(name);
  return flags >= 0 && (flags & IFF_UP) === 0;
}

function listInterfaces(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_INTERFACES).join(", ");
  const rest = names.length - SHOWN_INTERFACES;
  if (names.length === 1) return `the interface ${shown}`;
  return `the interfaces ${shown}${rest > 0 ? ` and ${rest} more` : ""}`;
}

/**
 * Whether a socket belongs to this process's network namespace. False also if the namespace of the
 * socket is unknown (before Linux 5.14, and without FFI).
 */
export function isInOwnNetwork(fd: number): boolean {
  if (libc === null) return false;
  const network = networkOf(libc, fd);
  return network !== null && network === ownNetwork(libc);
}

/**
 * Whether a socket belongs to the network namespace `netns`. False also if the namespace of the
 * socket is unknown.
 */
export function isInNetwork(fd: number, netns: string): boolean {
  if (libc === null) return false;
  const network = networkOf(libc, fd);
  return network !== null && network === ownNetwork(socketsInNetwork(libc, netns));
}

/** The number of the network namespace in which `system` makes new sockets; null if unknown. */
function ownNetwork(system: Libc): string | null {
  for (const family of [AF_UNIX, AF_INET, AF_INET6]) {
    const fd = system.socket(family, SOCK_STREAM);
    // Try the next address family, because a service manager may forbid some families.
    if (fd < 0) continue;
    const network = networkOf(system, fd);
    system.close(fd);
    return network;
  }
  return null;
}

function networkOf(system: Libc, fd: number): string | null {
  const cookie = new Uint32Array(2);
  const length = system.getOptionWords(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie);
  return length === cookie.byteLength ? cookie.join() : null;
}
