import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ipAddress } from "../../../src/address/ip-address-and-ipv4-mapping.ts";
import { readTcpTable, type TcpEnd } from "../../../src/os/tcp-table.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { ipv6Loopback } from "../../support/sockets/visitor.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

const open: { close(): void }[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

function end(host: string, port: number): TcpEnd {
  const address = ipAddress(host);
  if (address === null) throw new Error(`no address: ${host}`);
  return { bytes: address.bytes, port };
}

function stateOf(local: TcpEnd, remote: TcpEnd): string | undefined {
  return readTcpTable([[local, remote]])?.stateOf(local, remote);
}

const HOSTS = ["127.0.0.1", ...(ipv6Loopback.present() ? ["::1"] : [])];

describe.each(HOSTS)("a socket at %s", (host) => {
  async function connect() {
    const listener = new RawListener({ kind: "tcp", host, port: 0 });
    const client = await RawSocket.connect(listener.endpoint);
    const server = await listener.accept();
    open.push(client, server, listener);
    const { own, peer } = client.ports;
    return { client, server, near: end(host, own), far: end(host, peer) };
  }

  test("is owned while a process has it, from both ends", async () => {
    const { near, far } = await connect();
    expect(stateOf(near, far)).toBe("owned");
    expect(stateOf(far, near)).toBe("owned");
  });

  test("is owned while it is half-closed", async () => {
    const { client, near, far } = await connect();
    client.halfClose();
    expect(stateOf(near, far)).toBe("owned");
  });

  test("is orphaned once it is closed, and its peer's is not", async () => {
    const { client, near, far } = await connect();
    client.close();
    expect(stateOf(near, far)).toBe("orphaned");
    expect(stateOf(far, near)).toBe("owned");
  });

  test("is found among many others, and they are not", async () => {
    const listener = new RawListener({ kind: "tcp", host, port: 0 });
    open.push(listener);
    const ends: [TcpEnd, TcpEnd][] = [];
    // More than one read of the table: each line has 150 bytes.
    for (let count = 0; count < 400; count += 1) {
      const client = await RawSocket.connect(listener.endpoint);
      open.push(client, await listener.accept());
      ends.push([end(host, client.ports.own), end(host, client.ports.peer)]);
    }
    const wanted = ends.filter((_, index) => index % 3 === 0);
    const table = readTcpTable(wanted);
    for (const [index, [near, far]] of ends.entries()) {
      const state = index % 3 === 0 ? "owned" : "absent";
      expect(table?.stateOf(near, far)).toBe(state);
      expect(table?.stateOf(far, near)).toBe(state);
    }
  });

  test("is absent once it is reset", async () => {
    const { client, near, far } = await connect();
    client.reset();
    expect(stateOf(near, far)).toBe("absent");
  });
});

describe("a table that is made up", () => {
  let folder: string;
  folderForEachTest("tcp-table", (path) => void (folder = path));

  // 127.0.0.1 and ::1, as the kernel prints them.
  const LOOPBACK = "0100007F";
  const MAPPED_LOOPBACK = `0000000000000000FFFF0000${LOOPBACK}`;
  const LOOPBACK_6 = "00000000000000000000000001000000";

  /** Writes a file of sockets from ports 10,000, 10,001 … to port 80. */
  function write(file: string, address: string, inodes: readonly number[]): void {
    const lines = inodes.map((inode, index) => {
      const local = `${address}:${(10_000 + index).toString(16).toUpperCase()}`;
      const rest = `01 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 20 4 30`;
      return `${String(index).padStart(4)}: ${local} ${address}:0050 ${rest}`.padEnd(149);
    });
    const titles = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when".padEnd(149);
    writeFileSync(join(folder, file), [titles, ...lines, ""].join("\n"));
  }

  /** The states of the sockets of an address, as many as given. */
  function states(host: string, count: number): readonly string[] | undefined {
    const pairs = Array.from(
      { length: count },
      (_, index) => [end(host, 10_000 + index), end(host, 80)] as const,
    );
    const table = readTcpTable(pairs, folder);
    return table === null ? undefined : pairs.map((pair) => table.stateOf(...pair));
  }

  test("has each socket, also where a read ends within a line", () => {
    // The file has more than four times as many bytes as one read takes.
    const inodes = Array.from({ length: 2_000 }, (_, index) => (index % 3 === 0 ? 0 : index));
    write("tcp", LOOPBACK, inodes);
    write("tcp6", LOOPBACK_6, inodes);
    const expected = inodes.map((inode) => (inode === 0 ? "orphaned" : "owned"));
    expect(states("127.0.0.1", inodes.length)).toEqual(expected);
    expect(states("::1", inodes.length)).toEqual(expected);
  });

  test("has the IPv4 sockets of a listener on all addresses", () => {
    write("tcp", LOOPBACK, []);
    write("tcp6", MAPPED_LOOPBACK, [7, 0]);
    expect(states("127.0.0.1", 3)).toEqual(["owned", "orphaned", "absent"]);
  });

  test("without a file tcp6 has no IPv6 sockets", () => {
    write("tcp", LOOPBACK, [7]);
    expect(states("127.0.0.1", 2)).toEqual(["owned", "absent"]);
    expect(states("::1", 1)).toEqual(["absent"]);
  });

  test("is hidden without a file tcp, or if a file cannot be read", () => {
    write("tcp6", LOOPBACK_6, [7]);
    expect(states("::1", 1)).toBeUndefined();
    write("tcp", LOOPBACK, [7]);
    expect(states("::1", 1)).toEqual(["owned"]);
    rmSync(join(folder, "tcp6"));
    mkdirSync(join(folder, "tcp6"));
    expect(states("127.0.0.1", 1)).toBeUndefined();
  });
});
