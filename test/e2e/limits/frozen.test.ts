import { expect, test } from "bun:test";
import { join } from "node:path";
import { parseAddress } from "../../../src/index.ts";
import { type RunningRelay, startRelay } from "../../support/process/executable.ts";
import { isStopped } from "../../support/process/proc.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { until } from "../../support/waiting.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

// What a relay does that stood still for longer than any of its times: stopped by a signal, as in a
// machine that was suspended or a container that was paused.

let folder: string;
folderForEachTest("frozen", (path) => void (folder = path));

const TIME = 1_000;
const FROZEN = 3 * TIME;

const payload = new Payload(1_000);

async function start(options: readonly string[], backlog?: number) {
  const listener = new RawListener({ kind: "unix", path: join(folder, "destination") }, backlog);
  const path = join(folder, "destination");
  const relay = await startRelay(["--log-level=debug", ...options, "127.0.0.1:0", path]);
  const sockets: RawSocket[] = [];
  const keep = (socket: RawSocket) => {
    sockets.push(socket);
    return socket;
  };
  return {
    relay,
    connect: async () => keep(await RawSocket.connect(parseAddress(relay.address, "destination"))),
    dialDestination: async () => keep(await RawSocket.connect(listener.endpoint)),
    accept: async () => keep(await listener.accept()),
    async [Symbol.asyncDispose]() {
      for (const socket of [...sockets, listener]) socket.close();
      await relay[Symbol.asyncDispose]();
    },
  };
}

async function freeze({ pid }: RunningRelay): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await until(() => isStopped(pid), "the relay to stand still");
  await Bun.sleep(FROZEN);
  process.kill(pid, "SIGCONT");
}

test("an idle connection lives on, and its idle time starts anew", async () => {
  await using bench = await start([`--idle-timeout=${TIME}ms`]);
  const client = await bench.connect();
  const destination = await bench.accept();
  // So that the relay has seen it stand still.
  await Bun.sleep(TIME / 2);
  await freeze(bench.relay);
  const since = performance.now();
  await Bun.sleep(TIME / 2);
  client.sendAtOnce(payload);
  expect(await destination.read(payload.length)).toEqual(payload.received());
  expect((await client.readToEnd()).ending).toBe("ECONNRESET");
  expect(performance.now() - since).toBeGreaterThan(TIME);
});

test("a half-closed connection lives on, and its time starts anew", async () => {
  await using bench = await start([`--half-close-timeout=${TIME}ms`]);
  const client = await bench.connect();
  const destination = await bench.accept();
  client.halfClose();
  expect((await destination.readToEnd()).ending).toBe("end");
  await Bun.sleep(TIME / 2);
  await freeze(bench.relay);
  await Bun.sleep(TIME / 2);
  destination.sendAtOnce(payload);
  expect(await client.read(payload.length)).toEqual(payload.received());
});

test("a client that waits for the destination's answer goes on waiting", async () => {
  await using bench = await start([`--connect-timeout=${TIME}ms`], 0);
  const first = await bench.dialDestination();
  const client = await bench.connect();
  client.sendAtOnce(payload);
  await Bun.sleep(TIME / 2);
  await freeze(bench.relay);
  await Bun.sleep(TIME / 4);
  first.close();
  (await bench.accept()).close();
  const destination = await bench.accept();
  expect(await destination.read(payload.length)).toEqual(payload.received());
});

test("a relay that nobody uses does not exit before a client had time to come", async () => {
  await using bench = await start([`--exit-idle-time=${TIME}ms`]);
  await Bun.sleep(TIME / 2);
  await freeze(bench.relay);
  await Bun.sleep(TIME / 4);
  const client = await bench.connect();
  client.sendAtOnce(payload);
  const destination = await bench.accept();
  expect(await destination.read(payload.length)).toEqual(payload.received());
});

test("a stop goes on waiting for a connection on which bytes move", async () => {
  await using bench = await start([`--drain-timeout=${2 * TIME}ms`]);
  const client = await bench.connect();
  const destination = await bench.accept();
  const stopped = bench.relay.stop();
  await bench.relay.logged(/"event":"draining"/);
  await freeze(bench.relay);
  await Bun.sleep(TIME / 2);
  client.sendAtOnce(payload);
  client.halfClose();
  expect(await destination.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  destination.close();
  expect((await client.readToEnd()).ending).toBe("end");
  expect(await stopped).toBe(0);
  await bench.relay.logged(/"event":"stopped","cause":"asked","cut":0/);
});
