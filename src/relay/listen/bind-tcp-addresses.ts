import { isIPv4, isIPv6 } from "../../address/parse-and-print-ip.ts";
import { isLoopbackName } from "../../address/loopback.ts";
import { errorCode, SystemCallError } from "../../os/errno.ts";

/** A way to open listening TCP sockets, one per address. */
export interface TcpBinder<Bound> {
  /**
   * Listens on an IPv4 or IPv6 address; `::` accepts both families. Throws an error with the
   * system's code.
   */
  bind(host: string, port: number): Bound;
  /** The port of a socket. For port 0 this is the port that the system chose. */
  port(bound: Bound): number;
  close(bound: Bound): void;
}

/** The sockets of a TCP source. They share one port. */
export interface BoundTcp<Bound> {
  readonly sockets: readonly Bound[];
  readonly port: number;
}

// The error codes that mean that the system does not have an address or an address family. A
// service manager can also forbid the family (systemd.exec(5), RestrictAddressFamilies=).
const ABSENT: ReadonlySet<string> = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);

// The maximum number of tries to find a free port for both loopback addresses: the port that the
// system chose for 127.0.0.1 may be taken on ::1.
const PORT_TRIES = 32;

/**
 * Listens on a TCP address:
 *
 * - If the host is empty, the relay listens on every interface: with one socket for both families,
 *   or for IPv4 only if the system has no IPv6.
 * - If the host is a loopback name, the relay listens on both loopback addresses, or on one if the
 *   system lacks the other.
 * - Otherwise the relay listens on the first address of the host that works.
 *
 * @param notice - called with a message if the host is empty or a loopback name, and the system
 *   lacks one of the addresses; in this case the relay listens without this address
 * @throws an error with the system's or the resolver's code.
 */
export async function bindTcp<Bound>(
  { host, port }: { readonly host: string; readonly port: number },
  binder: TcpBinder<Bound>,
  notice: (message: string) => void,
): Promise<BoundTcp<Bound>> {
  if (host === "") return oneSocket(binder, bindEverywhere(port, binder, notice));
  if (isLoopbackName(host)) return bindLoopbacks(port, binder, notice);
  return oneSocket(binder, bindFirst(await addressesOf(host), port, binder));
}

function oneSocket<Bound>(binder: TcpBinder<Bound>, bound: Bound): BoundTcp<Bound> {
  return { sockets: [bound], port: binder.port(bound) };
}

function bindEverywhere<Bound>(
  port: number,
  binder: TcpBinder<Bound>,
  notice: (message: string) => void,
): Bound {
  const both = tryBind(binder, "::", port);
  if (both !== null) return both;
  const bound = binder.bind("0.0.0.0", port);
  notice("this system has no IPv6: listening on 0.0.0.0, IPv4 only");
  return bound;
}

function bindLoopbacks<Bound>(
  port: number,
  binder: TcpBinder<Bound>,
  notice: (message: string) => void,
): BoundTcp<Bound> {
  for (let tries = 1; ; tries += 1) {
    const ipv4 = tryBind(binder, "127.0.0.1", port);
    if (ipv4 === null) {
      const bound = oneSocket(binder, binder.bind("::1", port));
      notice("this system has no 127.0.0.1: listening on ::1 only");
      return bound;
    }
    const chosen = binder.port(ipv4);
    try {
      const ipv6 = tryBind(binder, "::1", chosen);
      if (ipv6 !== null) return { sockets: [ipv4, ipv6], port: chosen };
      notice("this system has no ::1: listening on 127.0.0.1 only");
      return { sockets: [ipv4], port: chosen };
    } catch (error) {
      binder.close(ipv4);
      const mayChoose = port === 0 && errorCode(error) === "EADDRINUSE";
      if (!mayChoose || tries === PORT_TRIES) throw error;
    }
  }
}

/** Opens a socket; null if the system does not have the address. */
function tryBind<Bound>(binder: TcpBinder<Bound>, host: string, port: number): Bound | null {
  try {
    return binder.bind(host, port);
  } catch (error) {
    if (ABSENT.has(errorCode(error))) return null;
    throw error;
  }
}

/** Listens on the first address that works; throws the last address's error if none works. */
function bindFirst<Bound>(hosts: readonly string[], port: number, binder: TcpBinder<Bound>): Bound {
  let failure: unknown = new SystemCallError("ENOTFOUND");
  for (const host of hosts) {
    try {
      return binder.bind(host, port);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIPv4(host) || isIPv6(host)) return [host];
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(host, { all: true, order: "verbatim" });
  return found.map(({ address }) => address);
}
