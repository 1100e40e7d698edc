import { resolve } from "node:path";
import type { SocketEndpoint } from "../../address/address.ts";
import { ipAddress } from "../../address/ip-address.ts";

/**
 * Whether a socket that is bound to `bound` is the listener of the source `source`: both have the
 * same path, name, or host and port, in any spelling. `127.0.0.1:80` is not the listener of
 * `0.0.0.0:80`.
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
  return resolve(path).replace(/^\/var\/run\//, "/run/");
}

/**
 * Returns the host to compare. An empty host is `::`, because both mean every interface of both
 * families.
 */
function hostOf(host: string): string {
  if (host === "") return "::";
  return (host.includes("%") ? undefined : ipAddress(host)?.text) ?? host.toLowerCase();
}
