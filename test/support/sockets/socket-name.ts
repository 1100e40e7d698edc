import type { SocketEndpoint } from "../../../src/index.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../process/system-calls.ts";

/** The sockaddr of an endpoint on this machine: a Unix socket, or a loopback address by number. */
export function encodeName(endpoint: SocketEndpoint): Uint8Array {
  // A path that fills sun_path has no room for the NUL at its end (unix(7)).
  if (endpoint.kind === "unix") return unixName(`${endpoint.path}\0`).subarray(0, 110);
  if (endpoint.kind === "abstract") return unixName(`\0${endpoint.name}`);
  const ipv6 = endpoint.host === "::1";
  if (!ipv6 && !/^127(\.\d+){3}$/.test(endpoint.host))
    throw new Error(`${endpoint.host}: tests stay on loopback`);
  const bytes = new Uint8Array(ipv6 ? 28 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, familyOf(endpoint), true);
  view.setUint16(2, endpoint.port);
  if (ipv6) bytes[23] = 1;
  else bytes.set(endpoint.host.split(".").map(Number), 4);
  return bytes;
}

function unixName(name: string): Uint8Array {
  return new Uint8Array([AF_UNIX, 0, ...Buffer.from(name)]);
}

/** The address family of an endpoint. */
export function familyOf(endpoint: SocketEndpoint): number {
  if (endpoint.kind !== "tcp") return AF_UNIX;
  return endpoint.host === "::1" ? AF_INET6 : AF_INET;
}

/** The port in a sockaddr of TCP; 0 in any other. */
export function portIn(name: Uint8Array): number {
  const view = new DataView(name.buffer, name.byteOffset, name.length);
  return view.getUint16(0, true) === AF_UNIX ? 0 : view.getUint16(2);
}
