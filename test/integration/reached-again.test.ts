import { expect, test } from "bun:test";
import { join } from "node:path";
import { createRelay, type SocketEndpoint } from "../../src/index.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";
import { folderForEachTest } from "../support/temporary-folder.ts";

let folder: string;
folderForEachTest("reached-again", (path) => void (folder = path));

test.each([1, 3])(
  "a destination that is back is told once by each of %d workers that had missed it",
  async (workers) => {
    const destination: SocketEndpoint = { kind: "unix", path: join(folder, "destination") };
    const events: string[] = [];
    await using relay = await createRelay({
      source: "127.0.0.1:0",
      destination,
      workers,
      observer: {
        connected: () => void events.push("connected"),
        unreachable: () => void events.push("unreachable"),
        reachedAgain: () => void events.push("reached again"),
      },
    });
    const count = (event: string) => events.filter((each) => each === event).length;
    const visit = async (event: string) => {
      using _client = RawSocket.dial(relay.endpoint);
      const before = count(event);
      await until(() => count(event) > before, event);
    };

    for (let times = 0; times < 5; times += 1) await visit("unreachable");
    using _listener = new RawListener(destination);
    // With several workers one may answer that had missed nobody.
    while (count("reached again") === 0) await visit("connected");
    expect(events.slice(0, 5)).toEqual(Array(5).fill("unreachable"));
    for (let times = 0; times < 20; times += 1) await visit("connected");
    expect(count("reached again")).toBeWithin(1, workers + 1);
  },
);

test("a destination that was never unreachable is not reached again", async () => {
  using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  const events: string[] = [];
  await using relay = await createRelay({
    source: "127.0.0.1:0",
    destination: listener.endpoint,
    observer: {
      connected: () => void events.push("connected"),
      reachedAgain: () => void events.push("reached again"),
    },
  });
  for (let times = 1; times <= 3; times += 1) {
    using _client = RawSocket.dial(relay.endpoint);
    await until(() => events.length >= times, "the destination to be reached");
  }
  expect(events).toEqual(["connected", "connected", "connected"]);
});
