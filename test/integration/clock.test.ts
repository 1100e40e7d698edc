import { afterEach, describe, expect, setSystemTime, test } from "bun:test";
import { createRelay, type RelayOptions } from "../../src/index.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";

const YEARS = 10 * 365 * 86_400_000;
const TIME = 1_000;

afterEach(() => void setSystemTime());

// The time of day cannot be set for one program alone; as JavaScript sees it, it can. What timers
// go by is a clock that nobody sets (clock_gettime(2), CLOCK_MONOTONIC).
describe.each([
  ["forward", YEARS],
  ["back", -YEARS],
])("when the clock is set %s by years", (_, jump) => {
  const setClock = () => void setSystemTime(Date.now() + jump);

  async function start(options: Partial<RelayOptions>, backlog?: number) {
    const listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 }, backlog);
    const destination = listener.endpoint;
    const relay = await createRelay({ source: "127.0.0.1:0", destination, ...options });
    return { listener, relay, connect: () => RawSocket.connect(relay.endpoint) };
  }

  /** Settles when the connection fails, and sees that this takes as long as it should. */
  async function failsInTime(client: RawSocket): Promise<void> {
    const began = performance.now();
    expect(await client.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
    expect(performance.now() - began).toBeGreaterThan(TIME * 0.8);
  }

  test("an open connection goes on, and is ended when it is idle", async () => {
    const { listener, relay, connect } = await start({ idleTimeout: TIME });
    using client = await connect();
    using destination = await listener.accept();
    setClock();
    await Bun.sleep(TIME / 2);
    const payload = new Payload(1_000);
    client.sendAtOnce(payload);
    expect(await destination.read(payload.length)).toEqual(payload.received());
    await failsInTime(client);
    listener.close();
    await relay.stop();
  });

  test("a destination that does not answer is waited for as long as ever", async () => {
    const { listener, relay, connect } = await start({ connectTimeout: TIME }, 0);
    // A queue of 0 has room for one, which this is.
    using _queued = await RawSocket.connect(listener.endpoint);
    using client = await connect();
    setClock();
    await failsInTime(client);
    listener.close();
    await relay.stop();
  });

  test("a stop waits for open connections as long as ever", async () => {
    const { listener, relay, connect } = await start({ drainTimeout: TIME });
    using client = await connect();
    using _destination = await listener.accept();
    const stopped = relay.stop();
    setClock();
    await failsInTime(client);
    await stopped;
    listener.close();
  });
});
