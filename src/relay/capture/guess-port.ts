import type { SocketEndpoint } from "../../address/address.ts";

/**
 * Patterns for the names of Unix sockets, each with the TCP port of the service that uses such a
 * name. Wireshark recognizes a protocol by the port.
 */
const KNOWN: readonly (readonly [name: RegExp, port: number])[] = [
  [/pgsql|postgres/i, 5_432],
  [/redis|valkey/i, 6_379],
  [/mysql|mariadb/i, 3_306],
  [/memcache/i, 11_211],
  [/mongo/i, 27_017],
  [/fpm|fastcgi/i, 9_000],
  [/nginx|http|docker|podman|containerd/i, 80],
];

const HTTP = 80;

/**
 * Returns the port that the destination gets in a capture: the first of these ports that exists.
 *
 * 1. The port that the name of the destination's Unix socket suggests (`KNOWN`).
 * 2. The port that the name of the source's Unix socket suggests.
 * 3. The TCP port of the destination.
 * 4. The TCP port of the source.
 * 5. The port of HTTP.
 */
export function guessPort(source: SocketEndpoint, destination: SocketEndpoint): number {
  const ends = [destination, source];
  for (const end of ends) {
    const name = end.kind === "unix" ? end.path : end.kind === "abstract" ? end.name : "";
    const known = KNOWN.find(([pattern]) => pattern.test(name));
    if (known !== undefined) return known[1];
  }
  return ends.flatMap((end) => (end.kind === "tcp" ? [end.port] : []))[0] ?? HTTP;
}
