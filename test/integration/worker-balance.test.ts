import { expect, spyOn, test } from "bun:test";
import { loaded } from "../../src/os/libc.ts";
import { startPooledRelay } from "../../src/workers/pooled-relay.ts";
import { SharedCounters } from "../../src/workers/shared-counters.ts";
import { WorkerPool } from "../../src/workers/worker-pool.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";

const LOOPBACK = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
const WORKERS = 3;
const CLIENTS = 300;

// A worker that is five ahead of the one with the fewest connections accepts nobody. So two of them
// stop at five, and the last one at ten.
const AHEAD_MOST = 5;

// The unit tests have the rule and that a worker soon accepts again. Here it never does, so that
// the outcome does not depend on when each thread runs.
test("a worker leaves clients to the others as soon as it is ahead of them", async () => {
  if (loaded.libc === null) throw new Error(loaded.reason);
  using destination = new RawListener(LOOPBACK);
  if (destination.endpoint.kind !== "tcp") throw new Error("a TCP listener has a TCP endpoint");
  const forWorkers = spyOn(SharedCounters, "forWorkers");
  const module = new URL("../support/threads/stepped-back-thread.ts", import.meta.url);
  const relay = await startPooledRelay(
    loaded.libc,
    { source: LOOPBACK, destination: destination.endpoint },
    new WorkerPool(WORKERS, { module }),
  );
  const counters = forWorkers.mock.results[0]?.value as SharedCounters;
  forWorkers.mockRestore();
  const clients = Array.from({ length: CLIENTS }, () => RawSocket.dial(relay.endpoint));
  try {
    const taken = () => Array.from({ length: WORKERS }, (_, worker) => counters.open(worker));
    await until(
      () => Math.min(...taken()) >= AHEAD_MOST,
      () => `each worker to take its share, of ${taken().join(", ")}`,
    );
    // Each worker has turned since, and would have taken all who wait.
    for (let turns = 0; turns < 3; turns += 1) await relay.responds();
    expect(Math.max(...taken())).toBeLessThanOrEqual(2 * AHEAD_MOST + WORKERS);
  } finally {
    for (const client of clients) client.close();
    await relay.stop({ drainTimeout: 0 });
  }
});
