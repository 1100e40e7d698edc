import { readFileSync } from "node:fs";
import { resolve } from "node:path";

// __SO_ACCEPTCON (linux/net.h: the socket listens) and SOCK_STREAM, as /proc/net/unix prints them.
const LISTENS = "00010000";
const STREAM = "0001";

/**
 * Whether a socket in this network namespace listens at a path, or at an abstract name (with its
 * `@`), according to the kernel's list (proc(5), /proc/net/unix). False proves nothing: the file
 * may have been moved after bind, or its socket may belong to another network namespace.
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
    // The system has no /proc, so the answer is unknown.
    return "";
  }
}
