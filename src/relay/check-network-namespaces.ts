import { printAddress, type SocketEndpoint } from "../address/address.ts";
import { errnoWords } from "../os/errno.ts";
import { type Libc, loaded } from "../os/libc.ts";
import { networkPath, socketsInNetwork, whyNotEnter } from "../os/sockets-in-namespace.ts";
import { RelayError } from "./error.ts";

/** The reasons why a network namespace cannot be used, by the error code of setns(2) or open(2). */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such namespace (ip netns list)",
  EINVAL: "this file is no network namespace",
  EPERM:
    "it needs CAP_SYS_ADMIN; start the relay as root, or in the namespace itself " +
    "(ip netns exec, NetworkNamespacePath= in a unit)",
};

/**
 * Describes for a message why no socket can be made in a network namespace. The caller adds the
 * code to the message.
 */
export function networkWords(netns: string, code: string): string {
  return `network namespace ${networkPath(netns)}: ${REASONS[code] ?? errnoWords(code)}`;
}

/**
 * Returns the system calls for one end of a relay. They make sockets in the network namespace
 * `netns`, or in this process's own namespace if `netns` is undefined.
 */
export function callsFor(system: Libc, netns: string | undefined): Libc {
  return netns === undefined ? system : socketsInNetwork(system, netns);
}

/**
 * Refuses a relay that cannot listen in the network namespace `netns`.
 *
 * @throws {RelayError} with the system's error code, or with ENOSYS if FFI is missing.
 */
export function checkSourceNetwork(source: SocketEndpoint, netns: string | undefined): void {
  if (netns === undefined) return;
  const { libc } = loaded;
  if (libc === null) throw needsFfi(`listen on ${printAddress(source)}`, loaded.reason);
  const code = whyNotEnter(libc, netns);
  if (code === null) return;
  const address = printAddress(source);
  throw new RelayError(
    code,
    address,
    `cannot listen on ${address}: ${networkWords(netns, code)} (${code})`,
  );
}

/**
 * Refuses a relay that can never connect to its destination from the network namespace that its
 * options name, for example because a permission is missing. If the namespace does not exist yet,
 * the function only warns.
 *
 * @throws {RelayError} with the system's error code, or with ENOSYS if FFI is missing.
 */
export function checkDestinationNetwork(
  destination: SocketEndpoint,
  netns: string | undefined,
  warn: (message: string) => void,
): void {
  if (netns === undefined) return;
  const address = printAddress(destination);
  const { libc } = loaded;
  if (libc === null) throw needsFfi(`reach ${address}`, loaded.reason);
  const code = whyNotEnter(libc, netns);
  if (code === null) return;
  const message = `cannot reach ${address}: ${networkWords(netns, code)} (${code})`;
  if (code !== "ENOENT") throw new RelayError(code, address, message);
  warn(message);
}

function needsFfi(what: string, reason: string): RelayError {
  return new RelayError(
    "ENOSYS",
    "",
    `cannot ${what}: another network namespace needs FFI (${reason})`,
  );
}
