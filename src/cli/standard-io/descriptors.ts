import { closeSync, fstatSync, openSync, type Stats } from "node:fs";
import type { Libc } from "../../os/libc.ts";

export const INPUT = 0;
export const OUTPUT = 1;
const ERRORS = 2;

/**
 * Whether standard input and output are one socket: inetd and systemd (`Accept=yes`,
 * `StandardInput=socket`) pass a client's connection like this.
 */
export function isOneSocket(): boolean {
  return isSameSocket(fstatSync(INPUT), fstatSync(OUTPUT));
}

function isSameSocket(one: Stats, other: Stats): boolean {
  return one.isSocket() && other.isSocket() && one.ino === other.ino;
}

/**
 * Takes the client's connection out of standard input and output, and returns its descriptor or a
 * negative errno. If standard error is that connection too, as with inetd, no message may go there.
 */
export function takeOneSocket(system: Libc): number {
  const fd = system.duplicate(INPUT);
  if (fd < 0) return fd;
  if (isSameSocket(fstatSync(INPUT), fstatSync(ERRORS))) close(system, ERRORS);
  close(system, INPUT);
  close(system, OUTPUT);
  return fd;
}

/** Tells the reader of standard output that nothing more comes. */
export function endOutput(system: Libc): void {
  // Another process may have the same socket: closing a descriptor would not end the stream.
  if (fstatSync(OUTPUT).isSocket()) system.shutWriting(OUTPUT);
  close(system, OUTPUT);
}

/** Closes a descriptor. Its number must not become another file's, so it stays open on /dev/null. */
function close(system: Libc, fd: number): void {
  const nothing = openSync("/dev/null", "r+");
  system.replace(nothing, fd);
  closeSync(nothing);
}
