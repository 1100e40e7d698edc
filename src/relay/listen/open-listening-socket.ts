import { ipSocketAddress, readAddress, type SocketAddress } from "../../address/socket-address.ts";
import { checked } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import {
  AF_INET6,
  IP_FREEBIND,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_FREEBIND,
  IPV6_V6ONLY,
  SO_REUSEADDR,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../os/linux-constants.ts";
import { setKeepalive } from "../connection/keepalive.ts";
import type { TcpBinder } from "./bind-tcp-addresses.ts";

/**
 * Opens a socket, binds it and listens on it. The caller owns the returned descriptor.
 *
 * @throws {SystemCallError}
 */
export function openListeningSocket(
  system: Libc,
  { family, bytes }: SocketAddress,
  backlog: number,
  setOptions: (fd: number, family: number) => void = () => {},
): number {
  const fd = checked(system.socket(family, SOCK_STREAM));
  try {
    setOptions(fd, family);
    checked(system.bind(fd, bytes));
    checked(system.listen(fd, backlog));
    return fd;
  } catch (error) {
    system.close(fd);
    throw error;
  }
}

/** Options of listening TCP sockets; see `RelayOptions`. */
interface TcpSocketOptions {
  readonly backlog: number;
  readonly keepalive: number;
  readonly freebind: boolean;
  /** The network namespace of the sockets; undefined for the namespace of this process. */
  readonly netns: string | undefined;
}

/** Opens listening TCP sockets. */
export function tcpBinder(
  system: Libc,
  { backlog, keepalive, freebind, netns }: TcpSocketOptions,
): TcpBinder<number> {
  const setOptions = (fd: number, family: number) => {
    // Without SO_REUSEADDR the port stays taken for a minute after the end of a relay that had
    // clients (tcp(7)).
    checked(system.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    if (family === AF_INET6) checked(system.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    if (freebind) checked(allowAbsentAddress(system, fd, family));
    setKeepalive(fd, keepalive);
  };
  return {
    bind: (host, port) =>
      openListeningSocket(system, ipSocketAddress(host, port, netns), backlog, setOptions),
    port: (fd) => portOf(system, fd),
    close: (fd) => void system.close(fd),
  };
}

/** Allows bind(2) to an address that no interface has (ip(7), IP_FREEBIND). */
function allowAbsentAddress(system: Libc, fd: number, family: number): number {
  return family === AF_INET6
    ? system.setOption(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
    : system.setOption(fd, IPPROTO_IP, IP_FREEBIND, 1);
}

function portOf(system: Libc, fd: number): number {
  // sockaddr_in6, the longest sockaddr of TCP, has 28 bytes (ipv6(7)).
  const bytes = new Uint8Array(28);
  const length = checked(system.name(fd, bytes));
  const address = readAddress(bytes.subarray(0, length));
  return address?.kind === "tcp" ? address.port : 0;
}
