import { expect, test } from "bun:test";
import { join } from "node:path";
import { parseAddress } from "../../../src/index.ts";
import { startRelay } from "../../support/process/executable.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { until } from "../../support/waiting.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("half-close", (path) => void (folder = path));

const TIME = 500;

async function start() {
  const listener = new RawListener({ kind: "unix", path: join(folder, "destination") });
  const relay = await startRelay([
    "--log-level=debug",
    `--half-close-timeout=${TIME}ms`,
    "127.0.0.1:0",
    join(folder, "destination"),
  ]);
  const sockets: RawSocket[] = [];
  return {
    relay,
    async open() {
      const client = await RawSocket.connect(parseAddress(relay.address, "destination"));
      const destination = await listener.accept();
      sockets.push(client, destination);
      return { client, destination };
    },
    async [Symbol.asyncDispose]() {
      for (const socket of [...sockets, listener]) socket.close();
      await relay[Symbol.asyncDispose]();
    },
  };
}

test("servers that end their writing while clients stay do not pile up connections", async () => {
  await using bench = await start();
  const stayed = await Promise.all(Array.from({ length: 20 }, () => bench.open()));
  const since = performance.now();
  for (const { destination } of stayed) destination.halfClose();
  for (const { client } of stayed) expect((await client.readToEnd()).ending).toBe("end");
  await Promise.all(stayed.map(({ client }) => client.hangUp()));
  expect(performance.now() - since).toBeGreaterThan(TIME * 0.8);
  const ends = () => bench.relay.stderr().match(/"ending":"half-closed"/g)?.length ?? 0;
  await until(() => ends() === stayed.length, "all to be ended");
});

test("a half-closed connection on which a byte moves now and then goes on", async () => {
  await using bench = await start();
  const { client, destination } = await bench.open();
  client.halfClose();
  expect((await destination.readToEnd()).ending).toBe("end");
  for (let turns = 0; turns < 6; turns += 1) {
    await Bun.sleep(TIME / 2);
    destination.sendAtOnce(new Payload(1));
    expect(await client.read(1)).toEqual(new Payload(1).received());
  }
  expect(bench.relay.stderr()).not.toContain('"ending"');
});

test("a connection that is open both ways is not concerned, however long it was still before", async () => {
  await using bench = await start();
  const { client, destination } = await bench.open();
  await Bun.sleep(2 * TIME);
  const since = performance.now();
  client.halfClose();
  expect((await destination.readToEnd()).ending).toBe("end");
  expect((await client.readToEnd()).ending).toBe("ECONNRESET");
  // The time counts from the half-close on.
  expect(performance.now() - since).toBeGreaterThan(TIME * 0.8);
});
