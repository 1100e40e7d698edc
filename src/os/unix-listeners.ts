import { readFileSync } from "node:fs";
import { resolve } from "node:path";

// The flags of a listening socket in /proc/net/unix: __SO_ACCEPTCON of linux/net.h.
const LISTENS = "00010000";
// The type of a stream socket in /proc/net/unix: SOCK_STREAM.
const STREAM = "0001";

/**
 * Whether a socket in this network namespace listens at a path, or at an abstract name (with its
 * `@`), according to the kernel's list (proc(5), /proc/net/unix). False proves nothing: the file
 * may have been moved after bind, or the file's socket may belong to another network namespace.
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
