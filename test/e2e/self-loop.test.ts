import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAddress } from "../../src/index.ts";
import { describeNeeding, program, root } from "../support/machine/parts.ts";
import {
  executablePath,
  runRelay,
  startRelay,
  type RunningRelay,
} from "../support/process/executable.ts";
import { connectEcho, type EchoServer, startEcho } from "../support/sockets/echo.ts";
import { ENVIRONMENT } from "../support/machine/container.ts";
import { makeNetwork, networkNeeds, type Network } from "../support/machine/network.ts";
import { runProgram } from "../support/process/program.ts";
import { expectIdleProcess } from "../support/process/idle.ts";
import { connectionDescriptors } from "../support/process/proc.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { connectFrom } from "../support/sockets/visitor.ts";
import { until } from "../support/waiting.ts";
import { folderForTests } from "../support/temporary-folder.ts";
import { eventually } from "./parts/support.ts";

const WITHOUT_FFI = { BUN_JSC_useJIT: "0" };

const folder = folderForTests("self-loop");

/** A port where nobody listens. */
function freePort(): number {
  using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  return listener.endpoint.kind === "tcp" ? listener.endpoint.port : 0;
}

describe("a relay to itself is refused at the start", () => {
  const port = freePort();

  test.each([
    [`0.0.0.0:${port}`, `127.0.0.1:${port}`],
    [`127.0.0.1:${port}`, `:${port}`],
    [`:${port}`, `[::1]:${port}`],
    [`localhost:${port}`, `127.0.0.1:${port}`],
    [`[::]:${port}`, `127.9.9.9:${port}`],
    [`127.0.0.1:${port}`, `a.localhost:${port}`],
  ])("%s to %s", async (source, destination) => {
    const { code, stderr } = await runRelay([source, destination]);
    expect(code).toBe(64);
    expect(stderr).toContain("DESTINATION is SOURCE");
  });

  test("of a socket that was passed", async () => {
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const { endpoint } = listener;
    const own = endpoint.kind === "tcp" ? endpoint.port : 0;
    for (const workers of [1, 2]) {
      const child = Bun.spawn([await executablePath(), `--workers=${workers}`, "fd:3", `:${own}`], {
        stdio: ["ignore", "ignore", "pipe", listener.fd],
      });
      expect(await child.exited).toBe(1);
      expect(await new Response(child.stderr).text()).toContain(
        `DESTINATION :${own} leads to the same socket`,
      );
    }
  });
});

describe("a relay to its own Unix socket", () => {
  test.each([1, 2])("that was passed, through a link, is refused (%d workers)", async (workers) => {
    const path = freshPath();
    using listener = new RawListener({ kind: "unix", path });
    const link = freshPath();
    symlinkSync(path, link);
    const child = Bun.spawn([await executablePath(), `--workers=${workers}`, "fd:3", link], {
      stdio: ["ignore", "ignore", "pipe", listener.fd],
    });
    expect(await child.exited).toBe(1);
    expect(await new Response(child.stderr).text()).toContain(
      `DESTINATION ${link} leads to the same socket`,
    );
  });

  test.each([
    { link: symlinkSync, options: [], env: {} },
    { link: linkSync, options: [], env: {} },
    { link: symlinkSync, options: ["--workers=3"], env: {} },
    { link: symlinkSync, options: [], env: WITHOUT_FFI },
  ])("through a link that comes later is recognised: %j", async ({ link, options, env }) => {
    const [source, destination] = [freshPath(), freshPath()];
    await using relay = await startRelay([...options, source, destination], { env });
    const before = connectionDescriptors(relay.pid).length;
    link(source, destination);
    using client = await RawSocket.connect({ kind: "unix", path: source });
    expect((await client.readToEnd()).length).toBe(0);
    await relay.logged(/it is the relay's own source \(ELOOP\)/);
    await until(
      () => connectionDescriptors(relay.pid).length === before,
      "no connection to be left",
    );
  });
});

describe("a path whose text looks like the source's", () => {
  // The folder above the link's folder is `far`, so this path is not `near/s`.
  const path = (name: string) => join(folder, name);
  const source = path("near/s");
  const destination = `${path("near")}/link/../s`;
  let echo: EchoServer;
  beforeAll(() => {
    mkdirSync(path("near"));
    mkdirSync(path("far/deep"), { recursive: true });
    symlinkSync("../far/deep", path("near/link"));
    echo = startEcho(path("far/s"));
  });
  afterAll(() => echo[Symbol.dispose]());

  test.each([
    { options: [], env: {} },
    { options: ["--workers=2"], env: {} },
    { options: [], env: WITHOUT_FFI },
  ])("is a destination like any other: %j", async ({ options, env }) => {
    await using relay = await startRelay([...options, source, destination], { env });
    using client = await connectEcho(relay.address);
    await client.ask("hello");
    expect(await relay.stop()).toBe(0);
  });

  test("is a source like any other, also across a handover", async () => {
    const file = path("relays.toml");
    const there = `${path("near")}/link/../other`;
    writeFileSync(
      file,
      `[relay.a]\nsource = "${path("near/other")}"\ndestination = "${destination}"\n` +
        `[relay.b]\nsource = "${there}"\ndestination = "${source}"\n`,
    );
    await using relay = await startRelay([`--config=${file}`]);
    const serves = async (address: string) => {
      using client = await connectEcho(address);
      await client.ask("hello");
    };
    await serves(path("near/other"));
    using nobody = await RawSocket.connect({ kind: "unix", path: path("far/other") });
    expect((await nobody.readToEnd()).length).toBe(0);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"handed_over"/);
    await serves(path("near/other"));
    using again = await RawSocket.connect({ kind: "unix", path: path("far/other") });
    expect((await again.readToEnd()).length).toBe(0);
  });

  test("that leads to the source is refused: ..", async () => {
    const { code, stderr } = await runRelay([path("far/t"), `${path("near")}/link/../t`]);
    expect({ code, stderr }).toMatchObject({ code: 64 });
    expect(stderr).toContain("DESTINATION is SOURCE");
  });
});

const passedNeeds = [root, program("unshare")];
await describeNeeding("a socket of another network namespace", passedNeeds, () => {
  test("is not the destination, although both have one address", async () => {
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const { endpoint } = listener;
    const port = endpoint.kind === "tcp" ? endpoint.port : 0;
    const child = Bun.spawn(
      [
        ...["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$0" "$@"'],
        ...[await executablePath(), "fd:3", `127.0.0.1:${port}`],
      ],
      { stdio: ["ignore", "ignore", "pipe", listener.fd] },
    );
    try {
      const reader = child.stderr.getReader();
      const next = async () => Buffer.from((await reader.read()).value ?? []).toString();
      expect(await next()).toContain("listening on");
      // Nobody listens there: it is reached for, not taken for the source.
      using client = await connectFrom("127.0.0.1", `127.0.0.1:${port}`);
      await client.hangUp();
      let said = "";
      while (!said.includes("cannot reach")) said += await next();
      expect(said).toContain("ECONNREFUSED");
    } finally {
      child.kill();
      await child.exited;
    }
  });
});

const zoneNeeds = [...networkNeeds, program("socat")];
await describeNeeding("a link-local address that this machine has", zoneNeeds, () => {
  let network: Network;
  beforeAll(async () => {
    network = await makeNetwork();
    const { near, far } = network;
    for (const [host, address, device] of [
      [near, "fe80::1", "lo"],
      [near, "fe80::2", "cable"],
      [far, "fe80::1", "cable"],
    ] as const) {
      const add = ["ip", "address", "add", `${address}/64`, "dev", device, "nodad"];
      const { code, stderr } = await runProgram([...host.prefix, ...add], { env: ENVIRONMENT });
      if (code !== 0) throw new Error(stderr);
    }
  });
  afterAll(() => network[Symbol.asyncDispose]());

  test("is another machine's at another interface", async () => {
    const { near, far } = network;
    await using relay = await startRelay(["[::]:7001", "[fe80::1%cable]:7001"], {
      prefix: near.prefix,
    });
    const echo = Bun.spawn([...far.prefix, "socat", "TCP6-LISTEN:7001,fork", "EXEC:cat"], {
      env: ENVIRONMENT,
    });
    const ask = ["sh", "-c", "echo hello | socat -t5 - TCP6:[::1]:7001"];
    try {
      // The echo may not listen yet.
      await eventually("an echo from the other machine", async () => {
        const { stdout } = await runProgram([...near.prefix, ...ask], { env: ENVIRONMENT });
        expect(relay.stderr()).not.toContain("ELOOP");
        return stdout === "hello\n";
      });
    } finally {
      echo.kill();
      await echo.exited;
    }
  });

  test.each([
    ["[::]:7002", "[fe80::1%lo]:7002"],
    ["[::]:7002", "[fe80::1%1]:7002"],
    ["[fe80::1%lo]:7002", "[fe80::1%1]:7002"],
  ])("is its own at the same interface: %s to %s", async (source, destination) => {
    const { code, stderr } = await runRelay([source, destination], { prefix: network.near.prefix });
    expect(code).toBe(64);
    expect(stderr).toContain("DESTINATION is SOURCE");
  });
});

/** Runs the relay where a name means an address. */
function withHosts(hosts: string): string[] {
  const file = join(folder, "hosts");
  writeFileSync(file, hosts);
  const mount = `mount --bind ${file} /etc/hosts && exec "$0" "$@"`;
  return ["unshare", "--mount", "--", "sh", "-c", mount];
}

const nameNeeds = [root, program("unshare"), program("mount")];
await describeNeeding("a name that leads back is recognised at run time", nameNeeds, () => {
  test.each([
    { source: "127.0.0.1", options: [], env: {} },
    { source: "0.0.0.0", options: ["--workers=3"], env: {} },
    { source: "", options: [], env: {} },
    { source: "0.0.0.0", options: [], env: WITHOUT_FFI },
  ])("%j", async ({ source, options, env }) => {
    const port = freePort();
    await using relay: RunningRelay = await startRelay(
      [...options, `${source}:${port}`, `myself.test:${port}`],
      { prefix: withHosts("127.0.0.1 myself.test\n"), env },
    );
    const before = connectionDescriptors(relay.pid).length;
    for (let clients = 0; clients < 3; clients += 1) {
      using client = await connectFrom("127.0.0.1", relay.address, "127.0.0.1");
      await client.hangUp();
    }
    await relay.logged(/it is the relay's own source \(ELOOP\)/);
    await until(
      () => connectionDescriptors(relay.pid).length === before,
      "no connection to be left",
    );
  });

  test("and another address of the name is tried", async () => {
    using other = new RawListener({ kind: "tcp", host: "127.0.0.2", port: 0 });
    const { endpoint } = other;
    const port = endpoint.kind === "tcp" ? endpoint.port : 0;
    await using _relay = await startRelay([`127.0.0.1:${port}`, `both.test:${port}`], {
      prefix: withHosts("127.0.0.1 both.test\n127.0.0.2 both.test\n"),
    });
    using _client = await RawSocket.connect({ kind: "tcp", host: "127.0.0.1", port });
    using server = await other.accept();
    expect(server.isOpen).toBe(true);
  });
});

/** Two relays, each of which has the other's source as destination. */
const RINGS: readonly (readonly [name: string, addresses: () => readonly [string, string]])[] = [
  ["TCP and TCP", () => [`127.0.0.1:${freePort()}`, `127.0.0.1:${freePort()}`]],
  ["TCP and Unix", () => [`127.0.0.1:${freePort()}`, freshPath()]],
  ["Unix and TCP", () => [freshPath(), `127.0.0.1:${freePort()}`]],
  ["Unix and Unix", () => [freshPath(), freshPath()]],
];

let paths = 0;
function freshPath(): string {
  return join(folder, `socket-${(paths += 1)}`);
}

/** How clients leave that are to free all places, from rings of TCP and Unix sockets. */
const LEAVERS = [
  { workers: 1, bytes: 0, leave: "close" },
  { workers: 1, bytes: 0, leave: "reset" },
  { workers: 3, bytes: 0, leave: "close" },
] as const;

/** The same, from rings of TCP alone. */
const TCP_LEAVERS = [
  { workers: 1, bytes: 1, leave: "close" },
  { workers: 3, bytes: 1, leave: "close" },
  { workers: 1, bytes: 1, leave: "reset" },
] as const;

describe.each(RINGS)("relays that lead to each other, %s", (name, addresses) => {
  test.each(name === "TCP and TCP" ? [...LEAVERS, ...TCP_LEAVERS] : LEAVERS)(
    "are full at most, and have nothing left once the clients have left: %j",
    async ({ workers, ...clients }) => {
      const options = [`--workers=${workers}`, "--connections-max=30"];
      await expectFreed(addresses(), clients, [options, options]);
    },
  );

  // Bytes of a Unix client that has closed are delivered, so in such a ring they may go round for
  // longer than the client's own connection.
  test.each([30, 1_000])(
    "end the connection of a client that sent bytes and left (limits 30 and %d)",
    async (limit) => {
      const [first, second] = addresses();
      const options = ["--log-level=debug", "--connections-max=30", first, second];
      await using near = await startRelay(options);
      await using _far = await startRelay([`--connections-max=${limit}`, second, first]);
      using client = await RawSocket.connect(parseAddress(first, "destination"));
      client.sendAtOnce(new Payload(1));
      await near.logged(/"event":"opened","connection":10,/);
      client.close();
      await near.logged(/"event":"closed","connection":1,/);
    },
  );
});

/** Clients of two relays that lead to each other come and leave: nothing is left of them. */
async function expectFreed(
  [first, second]: readonly [string, string],
  { bytes, leave }: { readonly bytes: number; readonly leave: "close" | "reset" },
  [one = [], other = []]: readonly (readonly string[])[],
): Promise<void> {
  await using near = await startRelay([...one, first, second]);
  await using far = await startRelay([...other, second, first]);
  const relays = [near, far];
  const before = relays.map(({ pid }) => connectionDescriptors(pid).length);
  const clients: RawSocket[] = [];
  // The relay takes the first; the others may stay in its queue.
  while (clients.length < 3) {
    const client = await RawSocket.connect(parseAddress(first, "destination"));
    if (bytes > 0) client.sendAtOnce(new Payload(bytes));
    clients.push(client);
  }
  // The relay that is full first leaves the next connection in its queue.
  await Promise.race(relays.map((relay) => relay.logged(/"event":"full"/)));
  for (const client of clients) client[leave]();
  const areLeft = () => relays.map(({ pid }) => connectionDescriptors(pid).length);
  await until(
    () => areLeft().every((count, index) => count === before[index]),
    () => `no connection to be left, of ${areLeft().join(" and ")}`,
    40_000,
  );
  await Promise.all(relays.map(({ pid }) => expectIdleProcess(pid)));
}
