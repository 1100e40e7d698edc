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

/** The times for the options of tcp(7), in seconds: the kernel takes whole numbers above 0. */
function timesOf(idle: number) {
  const idleSeconds = Math.max(1, Math.round(idle / 1_000));
  return { idle: idleSeconds, interval: Math.max(1, Math.round(idleSeconds / PROBES)) };
}

/** How long keepalive takes to end the connection of a peer that vanished, in milliseconds. */
export function keepaliveLength(idle: number): number {
  const times = timesOf(idle);
  return 1_000 * (times.idle + PROBES * times.interval);
}

/**
 * Makes the kernel probe the peer of a socket: first after `idle` milliseconds without traffic, then six
 * times within as long again. Connections inherit the options from their listener (tcp(7)).
 */
export function setKeepalive(fd: number, idle: number): void {
  if (libc === null || idle === 0) return;
  const times = timesOf(idle);
  libc.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, times.idle);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, times.interval);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

/** As `setKeepalive`, for one connected side, also without FFI. */
export function keepSideAlive(side: Side, idle: number): void {
  if (!side.isTcp || idle === 0) return;
  if (libc === null) side.socket?.setKeepAlive(true, idle);
  else setKeepalive(side.fd, idle);
}
