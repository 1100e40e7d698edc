import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../support/process/executable.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { until } from "../../support/waiting.ts";
import { statusOf } from "../observe/admin.ts";
import { folderForTests } from "../../support/temporary-folder.ts";

// A destination that does not answer: what its clients send is held in the relay.

const MIB = 1024 * 1024;
const MOST = 4 * MIB;
const CLIENTS = 120;
// Clients that come when the limit is reached, and so wait.
const LATE = 20;
// Each client before its destination has answered: until so much is held, and one read more.
const ONE_HOLDS_MOST = 1 * MIB;

// Clients whose destination does not read; each sends more than twice what a Unix socket takes.
const STALLED = 40;
const SENT = 512 * 1024;
// Clients of another relay that rest for a while, in milliseconds, and then ask once, one after the
// other. A relay that only looks for bytes from time to time takes more than a second for each.
const ASKING = 20;
const REST = 2_500;
const ALL_TAKE_MOST = 10_000;

const folder = folderForTests("memory-max");

test.each([1, 3])(
  "with %d workers: at --memory-max new clients wait, and all are served",
  async (workers) => {
    const listener = new RawListener(
      { kind: "unix", path: join(folder, `destination-${workers}`) },
      0,
    );
    const plug = await RawSocket.connect(listener.endpoint);
    const admin = join(folder, `admin-${workers}`);
    await using relay = await startRelay([
      "--memory-max=4M",
      "--connect-timeout=1min",
      `--workers=${workers}`,
      `--admin=${admin}`,
      "127.0.0.1:0",
      join(folder, `destination-${workers}`),
    ]);
    const status = () => statusOf(admin);
    const clients: RawSocket[] = [];
    const destinations: RawSocket[] = [];
    const sent = new Payload(300 * 1024);
    try {
      const port = Number(relay.address.split(":").at(-1));
      const sending: Promise<void>[] = [];
      const come = async (most: number) => {
        for (let count = 0; count < most; count += 1) {
          const client = await RawSocket.connect({ kind: "tcp", host: "127.0.0.1", port });
          clients.push(client);
          sending.push(client.send(sent).then(() => client.halfClose()));
        }
      };
      await come(CLIENTS);
      await relay.logged(/"limit":"memory"/);
      await come(LATE);
      const { connections, process, accepting_paused: paused } = await status();
      expect(paused).toEqual(["memory_max"]);
      expect(process.held_bytes_max).toBe(MOST);
      expect(process.held_bytes).toBeGreaterThan(MOST / 2);
      expect(process.held_bytes).toBeLessThan(MOST + workers * ONE_HOLDS_MOST);
      expect(connections.open).toBeLessThan(CLIENTS + LATE);

      plug.close();
      (await listener.accept()).close();
      for (let count = 0; count < CLIENTS + LATE; count += 1) {
        const destination = await listener.accept();
        destinations.push(destination);
        const { ending, ...stream } = await destination.readToEnd();
        expect(ending).toBe("end");
        expect(stream).toEqual(sent.received());
        destination.close();
      }
      await Promise.all(sending);
      for (const client of clients) client.close();
      while ((await status()).connections.open > 0) await Bun.sleep(10);
      expect((await status()).process.held_bytes).toBe(0);
      while ((await status()).accepting_paused.length > 0) await Bun.sleep(10);
      await relay.logged(/"event":"accepting_again","limit":"memory","full_ms":\d+/);
      expect(await relay.stop()).toBe(0);
    } finally {
      for (const end of [...clients, ...destinations, plug]) end.close();
      listener.close();
    }
  },
);

test("at --memory-max idle connections of other relays are served at once, until the limit is left", async () => {
  using server = startEcho();
  using ends = new DisposableStack();
  const silent = new RawListener({ kind: "unix", path: join(folder, "silent") }, STALLED);
  ends.defer(() => silent.close());
  const file = join(folder, "relays.toml");
  const [stalled, served] = [join(folder, "stalled"), join(folder, "served")];
  writeFileSync(
    file,
    `memory-max = "4M"\nadmin = "${join(folder, "admin")}"\n` +
      `[relay.stalled]\nsource = "${stalled}"\ndestination = "${join(folder, "silent")}"\n` +
      `[relay.served]\nsource = "${served}"\ndestination = "${server.address}"\n`,
  );
  await using relay = await startRelay([`--config=${file}`]);
  await until(() => relay.stderr().split('"event":"listening"').length > 2, relay.stderr);
  const clients = await Promise.all(Array.from({ length: ASKING }, () => connectEcho(served)));
  for (const client of clients) {
    ends.use(client);
    await client.ask("hello");
  }
  const senders: RawSocket[] = [];
  const destinations: RawSocket[] = [];
  for (let count = 0; count < STALLED; count += 1) {
    const sender = await RawSocket.connect({ kind: "unix", path: stalled }, { send: SENT });
    ends.defer(() => sender.close());
    const destination = await silent.accept();
    ends.defer(() => destination.close());
    senders.push(sender);
    destinations.push(destination);
  }
  const bytes = new Uint8Array(SENT);
  for (const sender of senders) sender.trySend(bytes);
  await relay.logged(/"event":"full","limit":"memory"/);

  await Bun.sleep(REST);
  const begun = performance.now();
  for (const client of clients) await client.ask("at the limit");
  expect(performance.now() - begun).toBeLessThan(ALL_TAKE_MOST);
  const paused = { accepting_paused: ["memory_max"] };
  const { relays } = await statusOf(join(folder, "admin"));
  expect(relays).toMatchObject([paused, paused]);

  for (const destination of destinations) destination.close();
  await relay.logged(/"event":"accepting_again","limit":"memory"/);
  const late = ends.use(await connectEcho(served));
  await late.ask("after it");
  expect(await relay.stop()).toBe(0);
});
