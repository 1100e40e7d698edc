import { networkInterfaces } from "node:os";
import { ipAddress, type IpAddress } from "./ip-address-and-ipv4-mapping.ts";
import { isLoopbackAddress, isLoopbackName } from "./loopback.ts";

/** The host and port of a TCP `SocketEndpoint`. */
interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

/** The two loopback addresses, which `localhost` and an empty destination host stand for. */
const LOOPBACKS = ["127.0.0.1", "::1"];

/**
 * Whether a connection to `destination` can reach a listener on `source`. The caller has checked
 * that both addresses are in the same network namespace. This function asks no resolver. So for a
 * destination whose name needs a resolver, the result is true only if the source has the same name.
 */
export function isSelfLoop(source: TcpAddress, destination: TcpAddress): boolean {
  if (source.port !== destination.port) return false;
  if (source.host.toLowerCase() === destination.host.toLowerCase() && source.host !== "")
    return true;
  return reachedHosts(destination.host).some((host) => accepts(source.host, host));
}

/** Whether a listener on the host `source` receives connections to the address `host`. */
function accepts(source: string, host: string): boolean {
  const address = ipAddress(host);
  if (address === null) return false;
  if (isLoopbackName(source)) return LOOPBACKS.includes(address.text);
  const own = source === "" ? null : ipAddress(source);
  // The family of the address does not matter, because an IPv6 listener on every interface
  // receives IPv4 connections as well.
  if (source === "" || own?.text === "::") return isOwn(address, zoneOf(host));
  if (own?.text === "0.0.0.0") return address.family === "ipv4" && isOwn(address, undefined);
  return own?.text === address.text && isSameZone(zoneOf(source), zoneOf(host));
}

/** The addresses that a connection to `host` tries; empty for a name that needs a resolver. */
function reachedHosts(host: string): readonly string[] {
  if (host === "" || isLoopbackName(host)) return LOOPBACKS;
  const address = ipAddress(host);
  if (address === null) return [];
  // Linux connects to loopback if the address is INADDR_ANY (ip(7)).
  if (address.text === "0.0.0.0") return ["127.0.0.1"];
  return address.text === "::" ? ["::1"] : [host];
}

/**
 * Whether an address belongs to this machine. With a zone, a link-local address must belong to the
 * zone's interface, because a machine behind another interface may have the same address.
 */
function isOwn(address: IpAddress, zone: string | undefined): boolean {
  if (isLoopbackAddress(address.text)) return true;
  return Object.entries(networkInterfaces()).some(([name, addresses]) =>
    addresses?.some(
      (own) =>
        ipAddress(own.address)?.text === address.text &&
        // Only a link-local address has a scope id.
        (zone === undefined || !own.scopeid || interfaceOf(zone) === name),
    ),
  );
}

function isSameZone(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return interfaceOf(one) === interfaceOf(other);
}

/** The name of the interface that a zone means by its name or index; else the zone itself. */
function interfaceOf(zone: string): string {
  const found = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some(({ scopeid }) => Boolean(scopeid) && String(scopeid) === zone),
  );
  return found?.[0] ?? zone;
}

function zoneOf(host: string): string | undefined {
  return host.split("%")[1];
}
