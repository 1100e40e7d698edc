import { closeSync, fstatSync, openSync } from "node:fs";
import { wasClosedAtStart } from "../../os/closed-at-start.ts";
import type { Libc } from "../../os/libc.ts";

export const INPUT = 0;
export const OUTPUT = 1;
export const ERRORS = 2;

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

/** Ends the stream of standard output, so that its reader sees the end. */
export function endOutput(system: Libc): void {
  // Another process may have the same socket open. In this case, closing only this descriptor would
  // not end the stream.
  if (fstatSync(OUTPUT).isSocket()) system.shutWriting(OUTPUT);
  replaceByNull(system, OUTPUT);
}

/**
 * Closes the file of a descriptor. The descriptor then refers to /dev/null, so that no other file
 * gets the same number.
 */
export function replaceByNull(system: Libc, fd: number): void {
  const nothing = openSync("/dev/null", "r+");
  system.replace(nothing, fd);
  closeSync(nothing);
}
