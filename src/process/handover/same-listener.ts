import { canonicalPath } from "../../os/canonical-path.ts";
import type { SocketEndpoint } from "../../address/address.ts";
import { ipAddress } from "../../address/ip-address-and-ipv4-mapping.ts";

/**
 * Whether a socket that is bound to `bound` listens on the source `source`: both addresses have the
 * same path, the same abstract name, or the same host and port. Two spellings of one address count
 * as the same. `127.0.0.1:80` and `0.0.0.0:80` are not the same.
 */
export function isSameListener(bound: SocketEndpoint, source: SocketEndpoint): boolean {
  if (bound.kind === "unix" && source.kind === "unix")
    return pathOf(bound.path) === pathOf(source.path);
  if (bound.kind === "abstract" && source.kind === "abstract") return bound.name === source.name;
  if (bound.kind === "tcp" && source.kind === "tcp")
    return bound.port === source.port && hostOf(bound.host) === hostOf(source.host);
  return false;
}

/**
 * Replaces /var/run by /run in a path, because /var/run is a link to /run, and systemd makes the
 * same replacement in `ListenStream=`.
 */
function pathOf(path: string): string {
  return canonicalPath(path).replace(/^\/var\/run\//, "/run/");
}

/**
 * Returns a host in the form in which two hosts are compared. An empty host becomes `::`, because
 * both mean every interface of both families.
 */
function hostOf(host: string): string {
  if (host === "") return "::";
  return (host.includes("%") ? undefined : ipAddress(host)?.text) ?? host.toLowerCase();
}
