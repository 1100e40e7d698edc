import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parseAddress } from "../../../src/index.ts";
import { startRelay } from "../../support/process/executable.ts";
import { cpuSeconds } from "../../support/process/proc.ts";
import { describeNeeding, program, root } from "../../support/machine/parts.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { turn } from "../../support/waiting.ts";
import { disposeAfterEach } from "../../support/dispose-after-each.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

// What a destination or the system lacks for now, or a destination that is not there yet: clients
// only wait, in turn, and cost nothing.

const kept = disposeAfterEach();
let folder: string;
folderForEachTest("waiting", (path) => void (folder = path));

const path = (name: string) => join(folder, name);

/** A client of a relay. */
const dial = async (address: string) =>
  kept(await RawSocket.connect(parseAddress(address, "destination")));

/** What client number `index` sends: as many bytes as no other one does. */
const request = (index: number) => new Payload(1 + index);

/** Clients of a relay, each of which has sent its request before the next one came. */
async function clientsInOrder(address: string, count: number): Promise<RawSocket[]> {
  const clients: RawSocket[] = [];
  for (let index = 0; index < count; index += 1) {
    const client = await dial(address);
    client.sendAtOnce(request(index));
    clients.push(client);
    // The relay's own queue is not to be filled.
    if (index % 100 === 99) await turn();
  }
  return clients;
}

/** The numbers of the clients that the destination gets, in its order. */
async function serve(listener: RawListener, count: number): Promise<number[]> {
  const served: number[] = [];
  while (served.length < count) {
    using client = await listener.accept();
    const asked = await client.receive();
    if (typeof asked === "string") throw new Error(`no request: ${asked}`);
    served.push(asked.length - 1);
  }
  return served;
}

/** What part of a processor a relay uses while nothing happens. */
async function shareOfProcessor(pid: number): Promise<number> {
  const before = cpuSeconds(pid);
  const start = performance.now();
  await Bun.sleep(2_000);
  return (cpuSeconds(pid) - before) / ((performance.now() - start) / 1_000);
}

describe("a full queue at a Unix destination", () => {
  /** A destination whose queue is full, until `unplug` is called. */
  async function fullDestination() {
    const listener = kept(new RawListener({ kind: "unix", path: path("destination") }, 0));
    kept(await RawSocket.connect(listener.endpoint));
    return { listener, unplug: async () => (await listener.accept()).close() };
  }

  test("3,500 clients wait without costing the processor, and are served as they came", async () => {
    const count = 3_500;
    const { listener, unplug } = await fullDestination();
    await using relay = await startRelay([
      "--log-level=debug",
      "--connect-timeout=10min",
      path("source"),
      path("destination"),
    ]);
    const clients = await clientsInOrder(relay.address, count);
    await relay.logged(new RegExp(`"event":"opened","connection":${count},`));
    const share = await shareOfProcessor(relay.pid);
    expect(share).toBeLessThan(0.05);
    await unplug();
    expect(await serve(listener, count)).toEqual(clients.map((_, index) => index));
    console.log(`${count} waiting clients: ${(100 * share).toFixed(1)} % of a processor`);
  });

  test("a client that leaves gives up its place in the line", async () => {
    const { listener, unplug } = await fullDestination();
    const options = ["--log-level=debug", "--connect-timeout=10min"];
    await using relay = await startRelay([...options, "127.0.0.1:0", path("destination")]);
    const clients = await clientsInOrder(relay.address, 5);
    await relay.logged(/"event":"opened","connection":5,/);
    // The first, which is the one that tries, and one behind it.
    clients[0]?.reset();
    clients[2]?.reset();
    await relay.logged(/"closed","connection":1,[^\n]*\n(.*\n)*.*"closed","connection":3,/);
    await unplug();
    expect(await serve(listener, 3)).toEqual([1, 3, 4]);
    for (const client of clients) client.close();
    await relay.logged(/"closed","connection":5,/);
  });

  test("each client's own --connect-timeout ends its wait", async () => {
    await fullDestination();
    await using relay = await startRelay([
      "--connect-timeout=400ms",
      path("source"),
      path("destination"),
    ]);
    const clients = await clientsInOrder(relay.address, 20);
    for (const client of clients) {
      expect((await client.readToEnd()).length).toBe(0);
      client.close();
    }
    await relay.logged(/its queue of clients stayed full \(EAGAIN\)/);
  });

  test("a listener that goes away fails all who wait, with the true reason", async () => {
    const { listener } = await fullDestination();
    await using relay = await startRelay([
      "--log-level=debug",
      "--connect-timeout=10min",
      path("source"),
      path("destination"),
    ]);
    const clients = await clientsInOrder(relay.address, 20);
    await relay.logged(/"event":"opened","connection":20,/);
    listener.close();
    for (const client of clients) {
      expect((await client.readToEnd()).length).toBe(0);
      client.close();
    }
    await relay.logged(/"code":"ECONNREFUSED"/);
  });
});

test("3,500 clients that wait for an absent destination cost nothing, and are served as they came", async () => {
  const count = 3_500;
  await using relay = await startRelay([
    "--log-level=debug",
    "--connect-retry=10min",
    path("source"),
    path("destination"),
  ]);
  const clients = await clientsInOrder(relay.address, count);
  await relay.logged(new RegExp(`"event":"opened","connection":${count},`));
  const share = await shareOfProcessor(relay.pid);
  expect(share).toBeLessThan(0.05);
  using listener = new RawListener({ kind: "unix", path: path("destination") });
  expect(await serve(listener, count)).toEqual(clients.map((_, index) => index));
  console.log(`${count} waiting clients: ${(100 * share).toFixed(1)} % of a processor`);
});

const PORTS = 20;

// A network of its own in which so many connections to one address are possible.
const FEW_PORTS = `
  ip link set lo up
  echo 50000 ${50_000 + PORTS - 1} >/proc/sys/net/ipv4/ip_local_port_range
  exec "$@"`;

const needs = [root, program("unshare"), program("nsenter"), program("ip")];
await describeNeeding("no free local port", needs, () => {
  /**
   * A TCP service with few ports to reach it from, by a relay to a Unix listener of the test's own,
   * and the relay to it that lacks ports.
   */
  async function startBoth(...options: string[]) {
    const listener = new RawListener({ kind: "unix", path: path("service") });
    const service = await startRelay(["127.0.0.1:9000", path("service")], {
      prefix: ["unshare", "--net", "sh", "-ec", FEW_PORTS, "sh"],
    });
    const relay = await startRelay([...options, path("source"), "127.0.0.1:9000"], {
      prefix: ["nsenter", `--net=/proc/${service.pid}/ns/net`],
    });
    return {
      listener,
      relay,
      async [Symbol.asyncDispose]() {
        listener.close();
        await relay[Symbol.asyncDispose]();
        await service[Symbol.asyncDispose]();
      },
    };
  }

  test("clients wait, and are served as ports are given back", async () => {
    const count = 3 * PORTS;
    await using both = await startBoth("--log-level=debug", "--connect-timeout=10min");
    const { listener, relay } = both;
    const clients: RawSocket[] = [];
    for (let index = 0; index < count; index += 1) {
      const client = await dial(relay.address);
      client.sendAtOnce(request(index));
      clients.push(client);
    }
    const first: RawSocket[] = [];
    while (first.length < PORTS) first.push(kept(await listener.accept()));
    await relay.logged(new RegExp(`"event":"opened","connection":${count},`));
    expect(listener.tryAccept()).toBe(null);
    expect(await shareOfProcessor(relay.pid)).toBeLessThan(0.05);
    const answered = clients.map(async (client, index) => {
      const { length, ending } = await client.readToEnd(60_000);
      client.close();
      expect({ length, ending }).toEqual({ length: 1 + index, ending: "end" });
    });
    const answer = async (end: RawSocket) => {
      const asked = await end.receive();
      if (typeof asked === "string") throw new Error(`no request: ${asked}`);
      end.sendAtOnce(new Payload(asked.length));
      // The service ends first, so that its side keeps the connection's last state (TIME-WAIT).
      end.close();
    };
    for (const end of first) await answer(end);
    for (let more = PORTS; more < count; more += 1) await answer(await listener.accept());
    await Promise.all(answered);
    expect(relay.stderr()).not.toContain('"event":"unreachable"');
  });

  test("--connect-timeout bounds the wait, and the log says what was lacking", async () => {
    await using both = await startBoth("--connect-timeout=500ms");
    const { listener, relay } = both;
    for (let index = 0; index < PORTS; index += 1) {
      await dial(relay.address);
      kept(await listener.accept());
    }
    const client = await dial(relay.address);
    expect((await client.readToEnd()).length).toBe(0);
    await relay.logged(/no local port was free \(EADDRNOTAVAIL\)/);
  });
});

// A network of its own that has no IPv6 address.
const NO_IPV6 = `
  echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
  ip link set lo up
  exec "$@"`;

await describeNeeding("a machine without the destination's kind of address", needs, () => {
  test("is no shortage: a failure at once, with the true reason", async () => {
    await using relay = await startRelay(["--connect-timeout=10min", path("source"), "[::1]:9"], {
      prefix: ["unshare", "--net", "sh", "-ec", NO_IPV6, "sh"],
    });
    const client = await dial(relay.address);
    expect((await client.readToEnd()).length).toBe(0);
    await relay.logged(/"code":"EADDRNOTAVAIL"/);
  });

  test("does not hide what the other kind answers", async () => {
    await using relay = await startRelay(
      ["--connect-timeout=10min", path("source"), "localhost:9"],
      {
        prefix: ["unshare", "--net", "sh", "-ec", NO_IPV6, "sh"],
      },
    );
    const client = await dial(relay.address);
    expect((await client.readToEnd()).length).toBe(0);
    await relay.logged(/"code":"ECONNREFUSED"/);
  });
});
