import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { canonicalPath } from "./canonical-path.ts";

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
  const isOfName = name.startsWith("@") ? (text: string) => text === name : samePath(name);
  return readList()
    .split("\n")
    .some((line) => {
      const [, , , flags, type, , , ...bound] = line.split(/ +/);
      if (flags !== LISTENS || type !== STREAM) return false;
      return isOfName(bound.join(" "));
    });
}

/**
 * Returns a function that tells whether a name in the kernel's list is the path `path`. The list
 * can have thousands of paths, so only those with the same last part are looked up.
 */
function samePath(path: string): (text: string) => boolean {
  const wanted = canonicalPath(path);
  const last = basename(wanted);
  return (text) => !text.startsWith("@") && text.endsWith(last) && canonicalPath(text) === wanted;
}

function readList(): string {
  try {
    return readFileSync("/proc/net/unix", "utf8");
  } catch {
    // The system has no /proc, so the answer is unknown.
    return "";
  }
}
