import type { Side } from "../stream/side.ts";
import { libc } from "../../os/libc.ts";
import {
  IPPROTO_TCP,
  SO_KEEPALIVE,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
} from "../../os/linux-constants.ts";

const PROBES = 6;

/**
 * Returns the value of TCP_KEEPIDLE in seconds for a time of `idle` milliseconds. The kernel
 * accepts only whole numbers above 0 (tcp(7)).
 */
function idleSeconds(idle: number): number {
  return Math.max(1, Math.round(idle / 1_000));
}

/**
 * Returns the value of TCP_KEEPINTVL in seconds. With this value all probes together take about
 * `idle` milliseconds, but at least `PROBES` seconds.
 */
function intervalSeconds(idle: number): number {
  return Math.max(1, Math.round(idleSeconds(idle) / PROBES));
}

/**
 * Returns the time after which keepalive ends the connection to a peer that vanished, in
 * milliseconds. `idle` is the option `keepalive`, in milliseconds.
 */
export function keepaliveLength(idle: number): number {
  return 1_000 * (idleSeconds(idle) + PROBES * intervalSeconds(idle));
}

/**
 * Makes the kernel send keepalive probes to the peer of a socket. The kernel sends the first probe
 * `idle` milliseconds after the peer's last packet. If the peer answers none of six probes, the
 * kernel ends the connection after about `idle` more milliseconds. Accepted sockets inherit these
 * settings from the listening socket (tcp(7)).
 *
 * Set SO_KEEPALIVE before TCP_KEEPIDLE. Only then does the kernel count the idle time from the
 * peer's last packet; otherwise it counts from this call (tcp_sock_set_keepidle_locked()).
 */
export function setKeepalive(fd: number, idle: number): void {
  if (libc === null || idle === 0) return;
  libc.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, idleSeconds(idle));
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, intervalSeconds(idle));
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

/**
 * Sets keepalive for one connected side without FFI. The kernel's own values apply to the interval
 * and to the number of the probes.
 */
export function keepAliveWithoutFfi({ socket, isTcp }: Side, idle: number): void {
  if (isTcp && idle !== 0) socket?.setKeepAlive(true, idle);
}
