import { closeSync, openSync, readSync } from "node:fs";

/** One end of a TCP connection: the bytes of its IPv4 or IPv6 address, and its port. */
export interface TcpEnd {
  readonly bytes: Uint8Array;
  readonly port: number;
}

/** A snapshot of the TCP sockets of this network namespace. */
export interface TcpTable {
  /**
   * The state of the socket whose own end is `local` and whose peer is `remote`: `owned` by a
   * process, `orphaned` (closed by its process, but the kernel still has the socket), or `absent`.
   */
  stateOf(local: TcpEnd, remote: TcpEnd): "owned" | "orphaned" | "absent";
}

// The columns of /proc/net/tcp and /proc/net/tcp6 (proc_pid_net(5)), with hexadecimal addresses:
// the number of the line, local and remote end, state, queues, timer, retransmits, user, timeout,
// inode.
const LINE = /^ *\d+: ([0-9A-F]+:[0-9A-F]+) ([0-9A-F]+:[0-9A-F]+) (?:\S+ +){6}(\d+)/;

// The beginning of an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2), as the kernel prints it.
const MAPPED = "0000000000000000FFFF0000";

const COLON = 0x3a;
const LINE_FEED = 0x0a;

// The buffer for the text of the table. A machine can have many thousands of sockets, each with a
// line of 150 bytes, so the whole text is never in memory.
const CHUNK = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Reads the lines of the given sockets from the table; null if the system hides the table. The read
 * takes about a microsecond for each socket of the machine.
 *
 * @param wanted - the two ends of each wanted socket; the socket at the other end is read, too
 */
export function readTcpTable(wanted: Iterable<readonly [TcpEnd, TcpEnd]>): TcpTable | null {
  const ports = new Set<number>();
  for (const [{ port: one }, { port: other }] of wanted)
    ports.add(pair(one, other)).add(pair(other, one));
  const sockets = new Map<string, string>();
  const note = (line: string) => {
    const [, local = "", remote = "", inode = ""] = LINE.exec(line) ?? [];
    sockets.set(`${plain(local)} ${plain(remote)}`, inode);
  };
  try {
    for (const file of ["tcp", "tcp6"]) findLines(`/proc/self/net/${file}`, ports, note);
  } catch {
    // There is no /proc, or it has no list of sockets.
    return null;
  }
  return {
    stateOf(local, remote) {
      const inode = sockets.get(`${print(local)} ${print(remote)}`);
      if (inode === undefined) return "absent";
      return inode === "0" ? "orphaned" : "owned";
    },
  };
}

/** Calls `note` with each line of the file whose two ports are in `ports`. */
function findLines(path: string, ports: ReadonlySet<number>, note: (line: string) => void): void {
  const fd = openSync(path, "r");
  try {
    // The number of bytes at the beginning of the chunk that begin an incomplete line.
    let rest = 0;
    for (;;) {
      const length = readSync(fd, CHUNK, rest, CHUNK.length - rest, null);
      if (length === 0) return;
      const end = rest + length;
      let start = 0;
      for (;;) {
        const lineEnd = CHUNK.indexOf(LINE_FEED, start);
        if (lineEnd < 0 || lineEnd >= end) break;
        if (ports.has(portsOf(start, lineEnd))) note(CHUNK.toString("latin1", start, lineEnd));
        start = lineEnd + 1;
      }
      CHUNK.copyWithin(0, start, end);
      rest = end - start;
    }
  } finally {
    closeSync(fd);
  }
}

/** Returns the two ports of the line in the chunk as one number; -1 if the line has none. */
function portsOf(start: number, end: number): number {
  const number = CHUNK.indexOf(COLON, start);
  const local = CHUNK.indexOf(COLON, number + 1);
  const remote = CHUNK.indexOf(COLON, local + 1);
  if (number < 0 || local < 0 || remote < 0 || remote > end) return -1;
  return pair(hexPort(local + 1), hexPort(remote + 1));
}

function hexPort(start: number): number {
  let port = 0;
  for (let index = start; index < start + 4; index += 1) {
    const digit = CHUNK[index] ?? 0;
    port = 16 * port + (digit <= 0x39 ? digit - 0x30 : digit - 0x37);
  }
  return port;
}

/** Returns two ports as one number. */
function pair(local: number, remote: number): number {
  return 65_536 * local + remote;
}

function plain(end: string): string {
  return end.startsWith(MAPPED) ? end.slice(MAPPED.length) : end;
}

/**
 * Prints the address and port of one end as the kernel does. The kernel prints the address in
 * groups of 4 bytes, each in the machine's byte order, which is little-endian.
 */
function print({ bytes, port }: TcpEnd): string {
  const words = Array.from({ length: bytes.length / 4 }, (_, word) =>
    hex(bytes.subarray(4 * word, 4 * word + 4).toReversed()),
  );
  return `${words.join("")}:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}
