import { readFileSync } from "node:fs";
import { libc } from "./libc.ts";

// The flag that stands for FD_CLOEXEC among the flags in fdinfo: O_CLOEXEC of open(2).
const O_CLOEXEC = 0o2000000;

/**
 * Whether a standard stream, descriptor 0 to 2, was closed when this process started. Bun has
 * opened /dev/null in the place of a closed stream, so writes succeed although nobody gets the
 * bytes.
 *
 * A stream that the user redirects to /dev/null (`>/dev/null`) does not count as closed. Only Bun's
 * descriptor of /dev/null has the flag FD_CLOEXEC: a descriptor from the user cannot have this
 * flag, because execve(2) would have closed the descriptor.
 */
export function wasClosedAtStart(fd: number): boolean {
  return libc === null ? isClosedOnExec(fd) : libc.closedOnExec(fd) === 1;
}

/**
 * Whether a descriptor has the flag FD_CLOEXEC, according to the descriptor's file in
 * /proc/self/fdinfo (proc(5)).
 */
function isClosedOnExec(fd: number): boolean {
  try {
    const [, flags = "0"] =
      /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1")) ?? [];
    return (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
  } catch {
    // This process cannot read /proc, so the answer is unknown.
    return false;
  }
}
