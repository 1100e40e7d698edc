import { resolve } from "node:path";
import type { SocketEndpoint } from "../../address/address.ts";
import { ipAddress } from "../../address/ip-address.ts";

/**
 * Whether a socket that listens on `bound` is what a source asks for: the same path, name, or address
 * and port, however they are spelled. A host that only overlaps is another source.
 */
export function isSameListener(bound: SocketEndpoint, source: SocketEndpoint): boolean {
  if (bound.kind === "unix" && source.kind === "unix")
    return pathOf(bound.path) === pathOf(source.path);
  if (bound.kind === "abstract" && source.kind === "abstract") return bound.name === source.name;
  if (bound.kind === "tcp" && source.kind === "tcp")
    return bound.port === source.port && hostOf(bound.host) === hostOf(source.host);
  return false;
}

/** systemd listens in /run where a unit says /var/run, which is a link to it. */
function pathOf(path: string): string {
  return resolve(path).replace(/^\/var\/run\//, "/run/");
}

/** An empty host is every interface, of both families, as `::` is. */
function hostOf(host: string): string {
  if (host === "") return "::";
  return (host.includes("%") ? undefined : ipAddress(host)?.text) ?? host.toLowerCase();
}
