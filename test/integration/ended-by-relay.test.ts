import { afterEach, describe, expect, mock, spyOn, test } from "bun:test";
import { createRelay, type RelayOptions, type Stop } from "../../src/index.ts";
import { Pipe } from "../../src/relay/stream/pipe.ts";
import { Side } from "../../src/relay/stream/side.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";

afterEach(() => void mock.restore());

const payload = new Payload(1_000);

async function start(options: Partial<RelayOptions> = {}) {
  const faults: unknown[] = [];
  const endings: string[] = [];
  const stops: Stop[] = [];
  const listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  const relay = await createRelay({
    source: "127.0.0.1:0",
    destination: listener.endpoint,
    ...options,
    observer: {
      fault: (error) => void faults.push(error),
      closed: (_connection, ending) => void endings.push(ending),
      stopped: (stop) => void stops.push(stop),
    },
  });
  return {
    relay,
    faults,
    endings,
    stops,
    open: async () => {
      const client = await RawSocket.connect(relay.endpoint);
      return { client, destination: await listener.accept() };
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await relay.stop({ drainTimeout: 0 });
    },
  };
}

interface Ends {
  readonly client: RawSocket;
  readonly destination: RawSocket;
}

/** Neither end may take what it got for all that there was. */
async function expectFailure({ client, destination }: Ends): Promise<void> {
  expect((await destination.readToEnd()).ending).toBe("ECONNRESET");
  expect((await client.readToEnd()).ending).toBe("ECONNRESET");
  client.close();
  destination.close();
}

describe("a connection that the relay itself ends is no clean end on either side", () => {
  test("when nothing moves", async () => {
    await using bench = await start({ idleTimeout: 100 });
    const ends = await bench.open();
    ends.client.sendAtOnce(payload);
    await expectFailure(ends);
    expect(bench.endings).toEqual(["idle"]);
  });

  test("when it is half-closed and nothing moves", async () => {
    await using bench = await start({ halfCloseTimeout: 100 });
    const [whole, half] = [await bench.open(), await bench.open()];
    half.destination.halfClose();
    expect((await half.client.readToEnd()).ending).toBe("end");
    await half.client.hangUp();
    expect((await half.destination.readToEnd()).ending).toBe("ECONNRESET");
    half.client.close();
    half.destination.close();
    expect(bench.endings).toEqual(["half-closed"]);
    whole.client.sendAtOnce(payload);
    expect(await whole.destination.read(payload.length)).toEqual(payload.received());
    whole.client.close();
    whole.destination.close();
  });

  test("when a stop waits no longer", async () => {
    await using bench = await start();
    const ends = await bench.open();
    ends.client.sendAtOnce(payload);
    expect(await ends.destination.read(payload.length)).toEqual(payload.received());
    await bench.relay.stop({ drainTimeout: 0 });
    await expectFailure(ends);
    expect(bench.endings).toEqual(["stopped"]);
    expect(bench.stops).toEqual([{ cause: "asked", cut: 1 }]);
  });
});

/** Where a bug of the relay's own might throw, in the turn of one connection. */
const BUGS = [
  ["a chunk that came", () => spyOn(Pipe.prototype, "receive")],
  ["an end of stream", () => spyOn(Pipe.prototype, "end")],
  ["an end that is passed on", () => spyOn(Side.prototype, "shutdown")],
] as const;

test.each(BUGS)("an error at %s ends that connection only, as a fault", async (_, spy) => {
  await using bench = await start();
  const other = await bench.open();
  const unlucky = await bench.open();
  const bug = new Error("a bug");
  const spied = spy();
  spied.mockImplementationOnce(() => {
    throw bug;
  });
  unlucky.client.sendAtOnce(payload);
  unlucky.client.halfClose();
  await expectFailure(unlucky);
  await until(() => bench.endings.length > 0, "the connection to end");
  expect({ ...bench }).toMatchObject({ faults: [bug], endings: ["fault"] });

  other.client.sendAtOnce(payload);
  other.client.halfClose();
  expect(await other.destination.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  other.destination.close();
  expect((await other.client.readToEnd()).ending).toBe("end");
  other.client.close();
});
