import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAddress } from "../../../src/index.ts";
import { startRelay } from "../../support/process/executable.ts";
import { socketDescriptors } from "../../support/process/proc.ts";
import { SYN_SENT, tcpSocketsIn } from "../../support/process/tcp-sockets.ts";
import { describeNeeding, program, root } from "../../support/machine/parts.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { SystemCallError } from "../../support/process/system-calls.ts";
import { ipv6Loopback } from "../../support/sockets/visitor.ts";
import { until } from "../../support/waiting.ts";
import { disposeAfterEach } from "../../support/dispose-after-each.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

// A destination with several addresses (design, section 3): one that is silent must not keep a
// client from another one. A listener is silent whose queue is full: the kernel drops what asks to
// connect.

const SILENT = "127.0.0.2";
const GOOD = "127.0.0.3";
const NAME = "several.test";

// Far below what a client would wait if each address had the whole of PATIENT for itself. A SYN to
// a full queue is sent again after 1, 3, 7 and 15 s.
const SOON = 20_000;
const PATIENT = "--connect-timeout=1min";

const kept = disposeAfterEach();
let folder: string;
folderForEachTest("addresses", (path) => void (folder = path));

const path = (name: string) => join(folder, name);

/** Listens on one port of several hosts. */
function listenOnAll(...hosts: readonly { readonly host: string; readonly backlog: number }[]) {
  for (;;) {
    const listeners: RawListener[] = [];
    try {
      let port = 0;
      for (const { host, backlog } of hosts) {
        const listener = new RawListener({ kind: "tcp", host, port }, backlog);
        listeners.push(listener);
        port = portOf(listener);
      }
      return { listeners: listeners.map(kept), port };
    } catch (error) {
      for (const listener of listeners) listener.close();
      // The port that the first host had free is another socket's at the next one.
      if (!(error instanceof SystemCallError && error.errno === "EADDRINUSE")) throw error;
    }
  }
}

function portOf({ endpoint }: RawListener): number {
  if (endpoint.kind !== "tcp") throw new Error("a TCP listener has a TCP endpoint");
  return endpoint.port;
}

/** A silent listener, and another one at the same port that answers. */
async function silentAndGood(silent: string, good: string) {
  const { listeners, port } = listenOnAll(
    { host: silent, backlog: 0 },
    { host: good, backlog: 64 },
  );
  const [full, answering] = listeners;
  if (full === undefined || answering === undefined) throw new Error("two listeners");
  // A queue of 0 has room for one.
  kept(await RawSocket.connect(full.endpoint));
  return { full, answering, port };
}

/** A command that starts a program with a file of its own in place of /etc/hosts. */
function withHosts(...addresses: readonly string[]): readonly string[] {
  const hosts = path("hosts");
  writeFileSync(hosts, addresses.map((address) => `${address} ${NAME}\n`).join(""));
  const script = 'mount --bind "$1" /etc/hosts; shift; exec "$@"';
  return ["unshare", "--mount", "sh", "-ec", script, "sh", hosts];
}

function attemptsInSyn(port: number): number {
  return tcpSocketsIn(SYN_SENT).filter(({ remotePort }) => remotePort === port).length;
}

async function expectServed(address: string, answering: RawListener): Promise<void> {
  using client = await RawSocket.connect(parseAddress(address, "destination"));
  client.sendAtOnce(new Payload(1_000));
  using destination = await answering.accept(SOON);
  expect(await destination.read(1_000)).toEqual(new Payload(1_000).received());
  destination.sendAtOnce(new Payload(2_000));
  destination.close();
  expect(await client.readToEnd()).toEqual({ ...new Payload(2_000).received(), ending: "end" });
}

await describeNeeding("a name with several addresses", [root, program("unshare")], () => {
  test("one that is silent does not keep a client from the next, and what lost is closed", async () => {
    const { answering, port } = await silentAndGood(SILENT, GOOD);
    const prefix = withHosts(SILENT, GOOD);
    await using relay = await startRelay([PATIENT, path("source"), `${NAME}:${port}`], { prefix });
    const atStart = socketDescriptors(relay.pid).length;
    for (let round = 0; round < 3; round += 1) {
      using client = await RawSocket.connect(parseAddress(relay.address, "destination"));
      client.sendAtOnce(new Payload(100));
      using destination = await answering.accept(SOON);
      expect(await destination.read(100)).toEqual(new Payload(100).received());
      // The client's socket and the destination's; the silent one's went when the other answered.
      expect(socketDescriptors(relay.pid).length).toBe(atStart + 2);
      expect(attemptsInSyn(port)).toBe(0);
      destination.sendAtOnce(new Payload(10));
      expect(await client.read(10)).toEqual(new Payload(10).received());
    }
    await until(() => socketDescriptors(relay.pid).length === atStart, "all sockets to be closed");
  });

  test("the one that was silent first may answer at last", async () => {
    const { full, answering, port } = await silentAndGood(SILENT, GOOD);
    answering.close();
    const prefix = withHosts(SILENT, GOOD);
    await using relay = await startRelay([PATIENT, path("source"), `${NAME}:${port}`], { prefix });
    using client = await RawSocket.connect(parseAddress(relay.address, "destination"));
    client.sendAtOnce(new Payload(100));
    await until(() => attemptsInSyn(port) === 1, "an attempt to hang");
    (await full.accept()).close();
    using destination = await full.accept(SOON);
    expect(await destination.read(100)).toEqual(new Payload(100).received());
  });

  test("each gets a share of --connect-timeout, however short that is", async () => {
    const { answering, port } = await silentAndGood(SILENT, GOOD);
    const prefix = withHosts(SILENT, GOOD);
    await using relay = await startRelay(
      ["--connect-timeout=240ms", path("source"), `${NAME}:${port}`],
      { prefix },
    );
    // On a busy machine so short a time may pass before the second address had its turn.
    const servers: RawSocket[] = [];
    for (let tries = 0; tries < 5 && servers.length === 0; tries += 1) {
      using client = await RawSocket.connect(parseAddress(relay.address, "destination"));
      await until(() => {
        const server = answering.tryAccept();
        if (server !== null) servers.push(kept(server));
        return server !== null || client.isHungUp;
      }, "the client to be served or failed");
    }
    expect(servers).toHaveLength(1);
  });

  test("where all are silent one --connect-timeout ends it, and the log says which they were", async () => {
    const { port } = listenOnAll({ host: SILENT, backlog: 0 }, { host: GOOD, backlog: 0 });
    kept(await RawSocket.connect({ kind: "tcp", host: SILENT, port }));
    kept(await RawSocket.connect({ kind: "tcp", host: GOOD, port }));
    const prefix = withHosts(SILENT, GOOD);
    await using relay = await startRelay(
      ["--connect-timeout=4s", path("source"), `${NAME}:${port}`],
      { prefix },
    );
    const start = performance.now();
    using client = await RawSocket.connect(parseAddress(relay.address, "destination"));
    expect((await client.readToEnd()).length).toBe(0);
    // Not the time of both.
    expect(performance.now() - start).toBeWithin(3_900, 7_900);
    await relay.logged(
      new RegExp(`no answer in time \\(ETIMEDOUT\\) at ${SILENT}:${port} and ${GOOD}:${port}`),
    );
    expect(attemptsInSyn(port)).toBe(0);
  });

  test("--connect-retry goes on with all of them", async () => {
    const { answering, port } = await silentAndGood(SILENT, GOOD);
    answering.close();
    const prefix = withHosts(SILENT, GOOD);
    await using relay = await startRelay(
      [
        "--log-level=debug",
        "--connect-timeout=500ms",
        "--connect-retry=1min",
        path("source"),
        `${NAME}:${port}`,
      ],
      { prefix },
    );
    using client = await RawSocket.connect(parseAddress(relay.address, "destination"));
    client.sendAtOnce(new Payload(100));
    await relay.logged(/"event":"opened"/);
    // Longer than one try of both.
    await Bun.sleep(800);
    const later = kept(new RawListener({ kind: "tcp", host: GOOD, port }));
    using destination = await later.accept(SOON);
    expect(await destination.read(100)).toEqual(new Payload(100).received());
  });

  test("where one refuses the next is tried", async () => {
    const { answering, port } = await silentAndGood(SILENT, GOOD);
    // Nobody listens there.
    const prefix = withHosts("127.0.0.4", GOOD);
    await using relay = await startRelay([PATIENT, path("source"), `${NAME}:${port}`], { prefix });
    await expectServed(relay.address, answering);
  });
});

await describeNeeding("localhost with one silent family", [ipv6Loopback], () => {
  test.each([
    ["127.0.0.1", "::1", "localhost"],
    ["127.0.0.1", "::1", ""],
  ])("%s is silent, %s answers, of %p", async (silent, good, host) => {
    const { answering, port } = await silentAndGood(silent, good);
    await using relay = await startRelay([PATIENT, path("source"), `${host}:${port}`]);
    await expectServed(relay.address, answering);
  });
});
