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

/** The options of tcp(7), in seconds: the kernel takes no fractions, and no 0. */
function timesOf(idle: number) {
  const idleSeconds = Math.max(1, Math.round(idle / 1_000));
  return { idle: idleSeconds, interval: Math.max(1, Math.round(idleSeconds / PROBES)) };
}

/** Milliseconds from the last sign of a peer that vanished until keepalive ends the connection. */
export function keepaliveLength(idle: number): number {
  const times = timesOf(idle);
  return 1_000 * (times.idle + PROBES * times.interval);
}

/**
 * Lets the kernel probe the peers of a listener's connections, which inherit the options from it
 * (tcp(7)): first after `idle` milliseconds without traffic, then six times within as long again.
 */
export function setKeepalive(fd: number, idle: number): void {
  if (libc === null || idle === 0) return;
  const times = timesOf(idle);
  libc.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, times.idle);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, times.interval);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

/** The same for one connected side. */
export function keepSideAlive(side: Side, idle: number): void {
  if (!side.isTcp || idle === 0) return;
  if (libc === null) side.socket?.setKeepAlive(true, idle);
  else setKeepalive(side.fd, idle);
}
