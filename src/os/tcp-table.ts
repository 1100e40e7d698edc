import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "./errno.ts";

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

// The columns of the files tcp and tcp6 (proc_pid_net(5)): the number of the line, the local and
// the remote end in hexadecimal, state, queues, timer, retransmits, user, timeout, inode. This
// pattern finds the inode in the text after both ends.
const INODE = /^(?: +\S+){6} +(\d+)/;

// The number of characters of both ends together, as in "0100007F:0050 0100007F:C001".
const IPV4_ENDS = 27;
const IPV6_ENDS = 75;

// The beginning of an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2), as the kernel prints it.
const MAPPED = "0000000000000000FFFF0000";

// The buffer into which the table is read, piece by piece. A machine can have many thousands of
// sockets, each with a line of 150 bytes, so the whole text is never in memory.
const CHUNK = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Reads the lines of the given sockets from the kernel's table of TCP sockets. Returns null if this
 * process cannot read the table. Takes about a microsecond for each socket in the table.
 *
 * @param wanted - the two ends of each wanted socket; the socket at the other end is read, too
 * @param folder - the folder of the files tcp and tcp6
 */
export function readTcpTable(
  wanted: Iterable<readonly [TcpEnd, TcpEnd]>,
  folder = "/proc/self/net",
): TcpTable | null {
  const keys = new Set<string>();
  for (const [one, other] of wanted) keys.add(keyOf(one, other)).add(keyOf(other, one));
  const inodes = new Map<string, string>();
  const note = (path: string, width: number) => {
    forEachLine(path, (line) => {
      const start = line.indexOf(":") + 2;
      const ends = line.slice(start, start + width);
      // Look only at the first end: if it is an IPv4-mapped address, so is the second end.
      const key = ends.startsWith(MAPPED) ? ends.replaceAll(MAPPED, "") : ends;
      if (keys.has(key)) inodes.set(key, INODE.exec(line.slice(start + width))?.[1] ?? "");
    });
  };
  try {
    note(join(folder, "tcp"), IPV4_ENDS);
    ifThere(() => note(join(folder, "tcp6"), IPV6_ENDS));
  } catch {
    // This process cannot read the table, for example because the system has no /proc.
    return null;
  }
  return {
    stateOf(local, remote) {
      const inode = inodes.get(keyOf(local, remote));
      if (inode === undefined) return "absent";
      return inode === "0" ? "orphaned" : "owned";
    },
  };
}

/**
 * Calls `read`, and ignores that the file to read does not exist: a kernel without IPv6 has no file
 * tcp6.
 */
function ifThere(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}

function forEachLine(path: string, handle: (line: string) => void): void {
  const fd = openSync(path, "r");
  try {
    // The beginning of a line whose end has not been read yet.
    let rest = "";
    for (;;) {
      const length = readSync(fd, CHUNK);
      if (length === 0) return;
      const lines = (rest + CHUNK.toString("latin1", 0, length)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) handle(line);
    }
  } finally {
    closeSync(fd);
  }
}

/** Returns both ends of a socket as the kernel prints them. */
function keyOf(local: TcpEnd, remote: TcpEnd): string {
  return `${print(local)} ${print(remote)}`;
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
