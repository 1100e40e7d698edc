import { closeSync, fstatSync, openSync, type Stats } from "node:fs";
import { wasClosedAtStart } from "../../os/closed-at-start.ts";
import type { Libc } from "../../os/libc.ts";

export const INPUT = 0;
export const OUTPUT = 1;
const ERRORS = 2;

const STREAMS = [
  { fd: INPUT, name: "standard input" },
  { fd: OUTPUT, name: "standard output" },
] as const;

/**
 * Returns the name of a stream, standard input or standard output, that was closed when this
 * process started; null if both were open. A relay could only drop the bytes of a closed stream.
 */
export function closedStream(): string | null {
  return STREAMS.find(({ fd }) => wasClosedAtStart(fd))?.name ?? null;
}

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
 * Moves the client's connection from standard input and output to a new descriptor. Standard input
 * and output then refer to /dev/null. If standard error is the same socket (as with inetd),
 * standard error then refers to /dev/null as well, because no log line may reach the client.
 *
 * @returns the new descriptor or a negative errno
 */
export function takeOneSocket(system: Libc): number {
  const fd = system.duplicate(INPUT);
  if (fd < 0) return fd;
  if (isSameSocket(fstatSync(INPUT), fstatSync(ERRORS))) close(system, ERRORS);
  close(system, INPUT);
  close(system, OUTPUT);
  return fd;
}

/** Ends the stream of standard output, so that its reader sees the end. */
export function endOutput(system: Libc): void {
  // Another process may have the same socket open. In this case, closing only this descriptor would
  // not end the stream.
  if (fstatSync(OUTPUT).isSocket()) system.shutWriting(OUTPUT);
  close(system, OUTPUT);
}

/**
 * Closes the file of a descriptor. The descriptor then refers to /dev/null, so that no other file
 * gets the same number.
 */
function close(system: Libc, fd: number): void {
  const nothing = openSync("/dev/null", "r+");
  system.replace(nothing, fd);
  closeSync(nothing);
}
