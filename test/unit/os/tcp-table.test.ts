import { afterEach, describe, expect, test } from "bun:test";
import { ipAddress } from "../../../src/address/ip-address.ts";
import { readTcpTable, type TcpEnd } from "../../../src/os/tcp-table.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { ipv6Loopback } from "../../support/sockets/visitor.ts";

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
