import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parseAddress } from "../../../src/index.ts";
import { startRelay } from "../../support/process/executable.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("idle", (path) => void (folder = path));

const IDLE = 500;

async function open() {
  const listener = new RawListener({ kind: "unix", path: join(folder, "destination") });
  const relay = await startRelay([
    "--log-level=debug",
    `--idle-timeout=${IDLE}ms`,
    "127.0.0.1:0",
    join(folder, "destination"),
  ]);
  const client = await RawSocket.connect(parseAddress(relay.address, "destination"));
  const destination = await listener.accept();
  return {
    relay,
    client,
    destination,
    async [Symbol.asyncDispose]() {
      for (const socket of [client, destination, listener]) socket.close();
      await relay[Symbol.asyncDispose]();
    },
  };
}

test("a connection on which nothing moves is ended on both sides, as a failure", async () => {
  await using ends = await open();
  const asked = performance.now();
  expect(await ends.client.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
  expect(performance.now() - asked).toBeGreaterThan(IDLE * 0.8);
  await ends.destination.hangUp();
  await ends.relay.logged(/"ending":"idle"/);
});

test("one on which a byte moves now and then, in either direction, goes on", async () => {
  await using ends = await open();
  for (let turns = 0; turns < 8; turns += 1) {
    await Bun.sleep(IDLE / 2);
    const [from, to] =
      turns % 2 === 0 ? [ends.client, ends.destination] : [ends.destination, ends.client];
    from.sendAtOnce(new Payload(1));
    expect(await to.read(1)).toEqual(new Payload(1).received());
  }
  expect(ends.relay.stderr()).not.toContain('"ending"');
});

test("one that is half-closed counts the same", async () => {
  await using ends = await open();
  ends.client.halfClose();
  expect((await ends.destination.readToEnd()).ending).toBe("end");
  await Bun.sleep(IDLE / 2);
  ends.destination.sendAtOnce(new Payload(1));
  expect(await ends.client.read(1)).toEqual(new Payload(1).received());
  expect((await ends.client.readToEnd()).ending).toBe("ECONNRESET");
});

describe.each([
  { option: "--idle-timeout", halfCloses: false, ending: "idle" },
  { option: "--half-close-timeout", halfCloses: true, ending: "half-closed" },
])("while the destination is being reached, $option", ({ option, halfCloses, ending }) => {
  const reach = async (retry: string) => {
    const relay = await startRelay([
      ...["--log-level=debug", `${option}=${IDLE}ms`, `--connect-retry=${retry}`],
      ...["127.0.0.1:0", join(folder, "destination")],
    ]);
    const client = await RawSocket.connect(parseAddress(relay.address, "destination"));
    client.sendAtOnce(new Payload(1));
    if (halfCloses) client.halfClose();
    return {
      relay,
      client,
      async [Symbol.asyncDispose]() {
        client.close();
        await relay[Symbol.asyncDispose]();
      },
    };
  };

  test("does not end the client, and the log says why it was not reached", async () => {
    await using ends = await reach(`${3 * IDLE}ms`);
    await ends.client.readToEnd();
    await ends.relay.logged(/"event":"unreachable".*"code":"ENOENT"/);
    await ends.relay.logged(/"ending":"unreachable"/);
  });

  test("begins only when the destination is reached", async () => {
    await using ends = await reach("1min");
    await Bun.sleep(2 * IDLE);
    using listener = new RawListener({ kind: "unix", path: join(folder, "destination") });
    using destination = await listener.accept();
    const reached = performance.now();
    expect(await destination.read(1)).toEqual(new Payload(1).received());
    expect((await ends.client.readToEnd()).ending).toBe("ECONNRESET");
    expect(performance.now() - reached).toBeGreaterThan(IDLE * 0.8);
    await ends.relay.logged(new RegExp(`"ending":"${ending}"`));
  });
});
