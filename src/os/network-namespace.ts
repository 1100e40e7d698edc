import { readFileSync } from "node:fs";
import { errorCode } from "./errno.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  type Libc,
  libc,
  SO_NETNS_COOKIE,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./libc.ts";

const LOOPBACK = "lo";

/**
 * Devices that the kernel puts into every new network namespace once their module is loaded, down and
 * without an address (sysctl net.core.fb_tunnels_only_for_init_net). Such a tunnel sends through the
 * other interfaces of its own namespace, and cannot be moved to another one.
 */
const FALLBACK_TUNNELS: ReadonlySet<string> = new Set([
  ...["erspan0", "gre0", "gretap0", "ip6_vti0", "ip6gre0", "ip6tnl0", "ip_vti0", "sit0", "tunl0"],
]);

// netdevice(7)
const IFF_UP = 1;

/** Where systemd's first process is told of its services' states. */
const MANAGER_SOCKET = "/run/systemd/notify";

// Enough to recognise a namespace by.
const SHOWN_INTERFACES = 3;

/**
 * Why this process's network namespace is not a private one (network_namespaces(7)), as words that
 * go on after "this network namespace"; null where it is private. Private means: no interface but
 * loopback, and the service manager is not in it. The second rule finds the host's own namespace on
 * a machine without a network, where every user could reach a port on loopback.
 *
 * `notifySocket` is the manager's socket that this process was given, NOTIFY_SOCKET of sd_notify(3).
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
    // Without /proc nothing is known, so nothing is promised.
    return `cannot be looked at (${errorCode(error)})`;
  }
}

/** The interfaces besides loopback in the text of /proc/PID/net/dev (proc(5)). */
export function otherInterfaces(text: string): string[] {
  return [...text.matchAll(/^ *([^:|]+):/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== LOOPBACK);
}

/** Whether the text of /proc/PID/net/unix (proc(5)) has a socket at one of these paths. */
export function hasSocketAt(text: string, paths: readonly string[]): boolean {
  return paths.some((path) => text.includes(` ${path}\n`));
}

/** Whether an interface surely carries nothing. */
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
 * Whether a socket belongs to this process's network namespace; false also if the kernel does not say
 * (before Linux 5.14, and without FFI).
 */
export function isInOwnNetwork(fd: number): boolean {
  if (libc === null) return false;
  const network = networkOf(libc, fd);
  return network !== null && network === ownNetwork(libc);
}

/** The number of the namespace that the process's new sockets are in. */
function ownNetwork(system: Libc): string | null {
  for (const family of [AF_UNIX, AF_INET, AF_INET6]) {
    const fd = system.socket(family, SOCK_STREAM);
    // A service manager may forbid some families.
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
