import { readFileSync } from "node:fs";
import { resolve } from "node:path";

// __SO_ACCEPTCON of linux/net.h (the socket listens) and SOCK_STREAM, as the list has them.
const LISTENS = "00010000";
const STREAM = "0001";

/**
 * Whether somebody in this network namespace listens at a Unix socket's path, or at an abstract name
 * with its `@`, by the kernel's list (proc(5), /proc/net/unix). False says nothing: a file may have been
 * moved since it was bound, or its socket may belong to another network namespace.
 */
export function isListening(name: string): boolean {
  const absolute = name.startsWith("@") ? name : resolve(name);
  return readList()
    .split("\n")
    .some((line) => {
      const [, , , flags, type, , , ...bound] = line.split(/ +/);
      if (flags !== LISTENS || type !== STREAM) return false;
      const text = bound.join(" ");
      return text.startsWith("@") ? text === absolute : text !== "" && resolve(text) === absolute;
    });
}

function readList(): string {
  try {
    return readFileSync("/proc/net/unix", "utf8");
  } catch {
    // No /proc: nothing is known.
    return "";
  }
}
