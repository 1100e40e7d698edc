import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseAddress } from "../../../src/index.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { startRelay } from "../../support/process/executable.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { cpuSeconds } from "../../support/process/proc.ts";
import { describeNeeding, program, root } from "../../support/machine/parts.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { turn, until } from "../../support/waiting.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("reaching", (path) => void (folder = path));

const path = (name: string) => join(folder, name);
// Without a look whether it is connected: the relay may have reset a TCP client before that.
const dial = (address: string) => RawSocket.dial(parseAddress(address, "destination"));

test("500 clients at once against a Unix queue of 1 are all served, unasked", async () => {
  const clients = 500;
  using listener = new RawListener({ kind: "unix", path: path("destination") }, 1);
  await using relay = await startRelay([path("source"), path("destination")]);
  const payload = new Payload(1_000);
  const asking = Array.from({ length: clients }, async () => {
    using client = dial(relay.address);
    client.sendAtOnce(payload);
    return await client.readToEnd(60_000);
  });
  for (let served = 0; served < clients; served += 1) {
    using socket = await listener.accept();
    expect(await socket.read(payload.length)).toEqual(payload.received());
    socket.sendAtOnce(payload);
    await turn();
  }
  const whole = { ...payload.received(), ending: "end" as const };
  for (const answer of await Promise.all(asking)) expect(answer).toEqual(whole);
});

test("a name is tried at each of its addresses", async () => {
  // `localhost` is 127.0.0.1 and then ::1; only the second is served.
  using listener = new RawListener({ kind: "tcp", host: "::1", port: 0 });
  if (listener.endpoint.kind !== "tcp") throw new Error("a TCP listener has a TCP endpoint");
  const { port } = listener.endpoint;
  await using relay = await startRelay([path("source"), `localhost:${port}`]);
  using client = dial(relay.address);
  using destination = await listener.accept();
  client.sendAtOnce(new Payload(100));
  expect(await destination.read(100)).toEqual(new Payload(100).received());
});

describe("--connect-retry", () => {
  const options = ["--connect-retry=1min"];

  test("waits for a Unix path that appears later", async () => {
    await using relay = await startRelay([...options, path("source"), path("destination")]);
    using client = await connectEcho(relay.address);
    const answered = client.ask("hello");
    await Bun.sleep(300);
    using _server = startEcho(path("destination"));
    await answered;
  });

  test("waits for a port where somebody listens later", async () => {
    using probe = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const { endpoint } = probe;
    probe.close();
    if (endpoint.kind !== "tcp") throw new Error("a TCP listener has a TCP endpoint");
    await using relay = await startRelay([
      ...options,
      path("source"),
      `127.0.0.1:${endpoint.port}`,
    ]);
    using client = dial(relay.address);
    client.sendAtOnce(new Payload(10));
    await Bun.sleep(300);
    using listener = new RawListener(endpoint);
    using destination = await listener.accept();
    expect(await destination.read(10)).toEqual(new Payload(10).received());
  });

  test("uses next to no CPU meanwhile, and gives up in time with the true reason", async () => {
    await using relay = await startRelay([
      "--connect-retry=1500ms",
      path("source"),
      path("destination"),
    ]);
    const before = cpuSeconds(relay.pid);
    using client = dial(relay.address);
    const asked = performance.now();
    expect((await client.readToEnd()).length).toBe(0);
    const waited = performance.now() - asked;
    expect(waited).toBeGreaterThan(1_400);
    expect(waited).toBeLessThan(4_000);
    expect(cpuSeconds(relay.pid) - before).toBeLessThan(0.1);
    await relay.logged(/"code":"ENOENT"/);
  });

  test.each(["TCP", "Unix"])("ends when its %s client leaves", async (kind) => {
    const source = kind === "TCP" ? "127.0.0.1:0" : path("source");
    await using relay = await startRelay([
      "--log-level=debug",
      ...options,
      source,
      path("destination"),
    ]);
    const client = dial(relay.address);
    await relay.logged(/"event":"opened"/);
    client.close();
    await relay.logged(/"ending":"client left"/);
  });

  test("keeps what a client sent that has half-closed", async () => {
    await using relay = await startRelay([...options, path("source"), path("destination")]);
    using client = dial(relay.address);
    const payload = new Payload(50_000);
    client.sendAtOnce(payload);
    client.halfClose();
    await Bun.sleep(200);
    using listener = new RawListener({ kind: "unix", path: path("destination") });
    using destination = await listener.accept();
    expect(await destination.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
    destination.sendAtOnce(payload);
    destination.close();
    expect(await client.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  });
});

describe("--connect-timeout", () => {
  test("gives up a destination that does not answer, and says so", async () => {
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 }, 0);
    const { endpoint } = listener;
    if (endpoint.kind !== "tcp") throw new Error("a TCP listener has a TCP endpoint");
    using _waiting = await RawSocket.connect(endpoint);
    await using relay = await startRelay([
      "--connect-timeout=300ms",
      "127.0.0.1:0",
      `127.0.0.1:${endpoint.port}`,
    ]);
    using client = dial(relay.address);
    expect(await client.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
    await relay.logged(/"code":"ETIMEDOUT"/);
  });

  test("bounds the wait at a Unix destination whose queue stays full", async () => {
    using listener = new RawListener({ kind: "unix", path: path("destination") }, 0);
    using _waiting = await RawSocket.connect(listener.endpoint);
    await using relay = await startRelay([
      "--connect-timeout=300ms",
      "127.0.0.1:0",
      path("destination"),
    ]);
    using client = dial(relay.address);
    expect(await client.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
    await relay.logged(/queue of clients stayed full/);
  });
});

// A network of its own in which a client gets one of two ports, one of them the destination's.
const CRAMPED_NETWORK = `
  ip link set lo up
  echo 50000 50003 >/proc/sys/net/ipv4/ip_local_port_range
  exec "$@"`;

await describeNeeding("a loopback port where nobody listens", [root, program("unshare")], () => {
  test("never answers with the client's own bytes", async () => {
    const prefix = ["unshare", "--net", "sh", "-ec", CRAMPED_NETWORK, "sh"];
    await using relay = await startRelay([path("source"), "127.0.0.1:50000"], { prefix });
    for (let client = 0; client < 40; client += 1) {
      using socket = dial(relay.address);
      socket.trySend(new Payload(5).bytes);
      expect((await socket.readToEnd()).length).toBe(0);
    }
  });
});

describe("a destination that cannot be reached is logged with", () => {
  test("words for a name that is not known", async () => {
    await using relay = await startRelay([path("source"), "nobody.invalid:80"]);
    using client = dial(relay.address);
    expect((await client.readToEnd()).length).toBe(0);
    // A machine without a resolver knows only that it got no answer.
    await relay.logged(/nobody\.invalid:80: (no such name|the name's resolver did not answer) \(E/);
  });

  test("what it is, where that is no socket for streams", async () => {
    await Bun.write(path("file"), "");
    const datagrams = Bun.spawn(["socat", "-u", `UNIX-RECV:${path("datagrams")}`, "STDOUT"], {
      stdin: "ignore",
      stdout: "ignore",
    });
    try {
      await until(() => existsSync(path("datagrams")), "the socket for datagrams");
      for (const [name, words] of [
        ["file", "is a regular file, not a socket (ECONNREFUSED)"],
        [".", "is a folder, not a socket (ECONNREFUSED)"],
        ["datagrams", "is a socket for datagrams or packets, not for streams (EPROTOTYPE)"],
      ] as const) {
        await using relay = await startRelay([path(`source of ${name}`), path(name)]);
        using client = dial(relay.address);
        expect((await client.readToEnd()).length).toBe(0);
        await relay.logged(/"event":"unreachable"/);
        expect(relay.stderr()).toContain(`cannot reach ${path(name)}: ${words}`);
      }
    } finally {
      datagrams.kill();
      await datagrams.exited;
    }
  });

  test("the address of a TCP client", async () => {
    await using relay = await startRelay(["127.0.0.1:0", path("destination")]);
    using client = dial(relay.address);
    await relay.logged(new RegExp(`\\(ENOENT\\), for 127\\.0\\.0\\.1:${client.ownPort}"`));
  });

  test("the user and process of a Unix client", async () => {
    await using relay = await startRelay([path("source"), path("destination")]);
    using client = dial(relay.address);
    expect((await client.readToEnd()).length).toBe(0);
    await relay.logged(
      new RegExp(`\\(ENOENT\\), for user ${process.getuid?.()}, process ${process.pid}"`),
    );
  });
});
