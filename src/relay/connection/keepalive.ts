import type { Side } from "../stream/side.ts";
import {
  IPPROTO_TCP,
  libc,
  SO_KEEPALIVE,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
} from "../../os/libc.ts";

const PROBES = 6;

/** TCP_KEEPIDLE for so many milliseconds, in seconds: the kernel takes whole numbers above 0 (tcp(7)). */
function idleSeconds(idle: number): number {
  return Math.max(1, Math.round(idle / 1_000));
}

/** TCP_KEEPINTVL for probes that take as long again as `idle`, in seconds. */
function intervalSeconds(idle: number): number {
  return Math.max(1, Math.round(idleSeconds(idle) / PROBES));
}

/** How long keepalive takes to end the connection of a peer that vanished, in milliseconds. */
export function keepaliveLength(idle: number): number {
  return 1_000 * (idleSeconds(idle) + PROBES * intervalSeconds(idle));
}

/**
 * Makes the kernel probe the peer of a socket: first after `idle` milliseconds without traffic, then six
 * times within as long again. Connections inherit the options from their listener (tcp(7)).
 */
export function setKeepalive(fd: number, idle: number): void {
  if (libc === null || idle === 0) return;
  libc.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, idleSeconds(idle));
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, intervalSeconds(idle));
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

/** As `setKeepalive`, for one connected side, also without FFI. */
export function keepSideAlive(side: Side, idle: number): void {
  if (!side.isTcp || idle === 0) return;
  if (libc === null) side.socket?.setKeepAlive(true, idle);
  else setKeepalive(side.fd, idle);
}
