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

/**
 * Lets the kernel probe the peers of a listener's connections, which inherit the options from it
 * (tcp(7)): first after `idle` milliseconds without traffic, then six times within as long again.
 */
export function setKeepalive(fd: number, idle: number): void {
  if (libc === null || idle === 0) return;
  const seconds = Math.max(1, Math.round(idle / 1000));
  libc.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, Math.max(1, Math.round(seconds / PROBES)));
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

/** The same for one connected side. */
export function keepSideAlive(side: Side, idle: number): void {
  if (!side.isTcp || idle === 0) return;
  if (libc === null) side.socket?.setKeepAlive(true, idle);
  else setKeepalive(side.fd, idle);
}
