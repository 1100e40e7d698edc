import { afterEach, expect, setSystemTime, test } from "bun:test";
import { createRelay } from "../../src/index.ts";
import { Payload } from "../support/payload.ts";
import { RawListener, RawSocket } from "../support/raw-socket.ts";

const YEARS = 10 * 365 * 86_400_000;
const TIME = 1_000;

afterEach(() => void setSystemTime());

// The time of day cannot be changed for one program alone; here it can, as JavaScript sees it. What
// the timers go by is the kernel's, which nobody can set (clock_gettime(2), CLOCK_MONOTONIC).
test.each([
  ["forward", YEARS],
  ["back", -YEARS],
])("when the clock is set %s by years, no time is up, and none never comes", async (_, jump) => {
  using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 }, 0);
  await using relay = await createRelay({
    source: "127.0.0.1:0",
    destination: listener.endpoint,
    connectTimeout: TIME,
    idleTimeout: TIME,
  });
  using client = await RawSocket.connect(relay.endpoint);
  using destination = await listener.accept();
  // Its destination's queue has room for one, which this is.
  using _queued = await RawSocket.connect(listener.endpoint);
  using unanswered = await RawSocket.connect(relay.endpoint);
  const began = performance.now();

  setSystemTime(Date.now() + jump);
  const payload = new Payload(1_000);
  client.sendAtOnce(payload);
  expect(await destination.read(payload.length)).toEqual(payload.received());
  expect(relay.connections).toBe(2);

  expect(await unanswered.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
  expect(await client.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
  expect(performance.now() - began).toBeGreaterThan(TIME * 0.8);
});
