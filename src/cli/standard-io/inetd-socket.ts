import { fstatSync, type Stats } from "node:fs";
import type { Libc } from "../../os/libc.ts";
import { ERRORS, INPUT, OUTPUT, replaceByNull } from "./standard-descriptors.ts";

/**
 * Whether standard input and standard output are the same socket. inetd and systemd (`Accept=yes`,
 * `StandardInput=socket`) pass a client's connection in this way.
 */
export function isOneSocket(): boolean {
  return isSameSocket(fstatSync(INPUT), fstatSync(OUTPUT));
}

function isSameSocket(one: Stats, other: Stats): boolean {
  return one.isSocket() && other.isSocket() && one.ino === other.ino;
}

/**
 * Moves the client's connection from standard input and output to a new descriptor. Afterwards
 * standard input and output refer to /dev/null. So does standard error if it is the same socket (as
 * with inetd), because no log line may reach the client.
 *
 * @returns the new descriptor or a negative errno
 */
export function takeOneSocket(system: Libc): number {
  const fd = system.duplicate(INPUT);
  if (fd < 0) return fd;
  if (isSameSocket(fstatSync(INPUT), fstatSync(ERRORS))) replaceByNull(system, ERRORS);
  replaceByNull(system, INPUT);
  replaceByNull(system, OUTPUT);
  return fd;
}
