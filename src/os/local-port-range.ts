import { readFileSync } from "node:fs";

// The file with the first and the last port that the kernel may choose as a local port, in this
// process's network namespace (ip(7), ip_local_port_range). IPv6 uses the same range of ports.
const FILE = "/proc/sys/net/ipv4/ip_local_port_range";

// The time for which the range of ports is cached, in milliseconds. The time is short, because an
// administrator may change the range.
const GOOD_FOR = 1_000;

let low = 0;
let high = Infinity;
let knownUntil = -Infinity;

/**
 * Whether the kernel may choose this port as the local port of a connecting socket. True for every
 * port if the range cannot be read, for example in a unit with `ProcSubset=pid`.
 */
export function mayBeLocalPort(port: number): boolean {
  const now = performance.now();
  if (now >= knownUntil) {
    [low, high] = readRange();
    knownUntil = now + GOOD_FOR;
  }
  return port >= low && port <= high;
}

function readRange(): readonly [low: number, high: number] {
  try {
    const [first, last] = readFileSync(FILE, "latin1").split(/\s+/).map(Number);
    if (first !== undefined && last !== undefined && first <= last) return [first, last];
  } catch {
    // The system hides this file from the process.
  }
  return [0, Infinity];
}
