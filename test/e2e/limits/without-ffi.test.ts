import { expect, test } from "bun:test";
import { join } from "node:path";
import { parseAddress } from "../../../src/index.ts";
import { type RunOptions, startRelay } from "../../support/process/executable.ts";
import { expectIdleProcess } from "../../support/process/idle.ts";
import { socketDescriptors } from "../../support/process/proc.ts";
import { startEcho } from "../../support/sockets/echo.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { until } from "../../support/waiting.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

// Without FFI no listener can be paused, and a relay without descriptors would accept in vain as
// fast as it can: clients wait in the relay itself, within bounds, and are refused beyond them.

const WITHOUT_FFI: RunOptions = { env: { BUN_JSC_useJIT: "0" } };

let folder: string;
folderForEachTest("without-ffi", (path) => void (folder = path));

const path = (name: string) => join(folder, name);

/** A client of a Unix source that has asked something: it may be served, wait, or be refused. */
function ask(address: string): RawSocket {
  const client = RawSocket.dial({ kind: "unix", path: address });
  client.trySend(Buffer.from("hello"));
  return client;
}

function askMany(address: string, count: number): RawSocket[] {
  return Array.from({ length: count }, () => ask(address));
}

/** Whether a client got its answer, rather than an end. Closes it. */
async function isServed(client: RawSocket): Promise<boolean> {
  const answer = await client.receive(5, 30_000);
  client.close();
  return typeof answer !== "string";
}

function withFiles(most: number): RunOptions {
  return { ...WITHOUT_FFI, prefix: ["prlimit", `--nofile=${most}:${most}`] };
}

test("the warning at the start is one line, and says where to read more", async () => {
  await using relay = await startRelay([path("source"), path("destination")], WITHOUT_FFI);
  const warnings = relay
    .stderr()
    .split("\n")
    .filter((line) => line.includes('"event":"warning"'));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("FFI");
  expect(warnings[0]).toContain("README");
});

test.each(["TCP", "Unix"])(
  "at --connections-max 60 clients of a %s source wait, and are served as they came",
  async (kind) => {
    using listener = new RawListener({ kind: "unix", path: path("destination") });
    const source = kind === "TCP" ? "127.0.0.1:0" : path("source");
    await using relay = await startRelay(
      ["--connections-max=10", source, path("destination")],
      WITHOUT_FFI,
    );
    const clients: RawSocket[] = [];
    for (let index = 0; index < 60; index += 1) {
      const client = await RawSocket.connect(parseAddress(relay.address, "destination"));
      client.sendAtOnce(new Payload(1 + index));
      clients.push(client);
    }
    const first: RawSocket[] = [];
    while (first.length < 10) first.push(await listener.accept());
    await expectIdleProcess(relay.pid);
    expect(listener.tryAccept()).toBe(null);
    const served: number[] = [];
    for (let index = 0; index < 60; index += 1) {
      const end = first.shift() ?? (await listener.accept());
      const asked = await end.receive();
      if (typeof asked === "string") throw new Error(`no request: ${asked}`);
      served.push(asked.length - 1);
      end.sendAtOnce(new Payload(10));
      end.close();
      expect(await clients[index]?.read(10)).toEqual(new Payload(10).received());
      clients[index]?.close();
    }
    expect(served).toEqual(clients.map((_, index) => index));
  },
);

// 128 files less 32 for the process, three a place: one is for somebody who waits for it.
const CARRIED_BY_128_FILES = 32;

test("at the limit of open files as many wait as are served, and the others are refused", async () => {
  using server = startEcho();
  await using relay = await startRelay([path("source"), server.address], withFiles(128));
  expect(relay.stderr()).toContain(`"connections_max":${CARRIED_BY_128_FILES}`);
  const atStart = socketDescriptors(relay.pid).length;
  const answers = await Promise.all(askMany(relay.address, 200).map(isServed));
  const served = answers.filter((answer) => answer).length;
  expect(served).toBeGreaterThanOrEqual(2 * CARRIED_BY_128_FILES);
  expect(served).toBeLessThan(200);
  await until(
    () => socketDescriptors(relay.pid).length === atStart,
    "all descriptors to be closed",
  );
  expect(await isServed(ask(relay.address))).toBe(true);
  await expectIdleProcess(relay.pid);
});

test("a --connections-max that the files cannot carry is lowered, and the log says so", async () => {
  using server = startEcho();
  await using relay = await startRelay(
    ["--connections-max=1000", path("source"), server.address],
    withFiles(64),
  );
  await relay.logged(/--connections-max is 1000, .*carries 16: .*LimitNOFILE=/);
  const clients = askMany(relay.address, 100);
  await until(() => server.open === 16, "as many as there are files for");
  await expectIdleProcess(relay.pid);
  for (const client of clients) client.close();
});

test("when descriptors run out by somebody else's doing the relay sleeps, and recovers", async () => {
  using server = startEcho();
  await using relay = await startRelay(
    ["--connections-max=1000", path("source"), server.address],
    WITHOUT_FFI,
  );
  const setFiles = (most: number) =>
    Bun.spawnSync(["prlimit", `--pid=${relay.pid}`, `--nofile=${most}:`]).exitCode;
  expect(setFiles(64)).toBe(0);
  const clients = askMany(relay.address, 200);
  await relay.logged(/no descriptor is left/);
  // The second in which the shortage was noticed is over by then.
  await Bun.sleep(1_500);
  await expectIdleProcess(relay.pid);
  for (const client of clients) client.close();
  expect(setFiles(1_024)).toBe(0);
  // The relay looks once a second whether there are descriptors again.
  while (!(await isServed(ask(relay.address)))) {}
  await expectIdleProcess(relay.pid);
});

test("attempts at a silent destination, which Bun cannot give up, never take all descriptors", async () => {
  using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 }, 0);
  if (listener.endpoint.kind !== "tcp") throw new Error("a TCP listener has a TCP endpoint");
  using _plug = await RawSocket.connect(listener.endpoint);
  const destination = `127.0.0.1:${listener.endpoint.port}`;
  await using relay = await startRelay(
    ["--connect-timeout=100ms", path("source"), destination],
    withFiles(64),
  );
  const clients = askMany(relay.address, 100);
  await relay.logged(/"code":"ETIMEDOUT"/);
  await Bun.sleep(1_000);
  await expectIdleProcess(relay.pid);
  expect(socketDescriptors(relay.pid).length).toBeLessThan(64);
  for (const client of clients) client.close();
});
