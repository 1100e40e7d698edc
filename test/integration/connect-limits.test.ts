import { expect, test } from "bun:test";
import { join } from "node:path";
import { createRelay } from "../../src/index.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { folderForTests } from "../support/temporary-folder.ts";

// What ends an attempt to reach the destination, and what does not.

const folder = folderForTests("connect-limits");

test("connectRetry ends a wait at a destination whose queue is still full", async () => {
  using listener = new RawListener({ kind: "unix", path: join(folder, "full") }, 0);
  // A queue of 0 has room for one.
  using _waiting = await RawSocket.connect(listener.endpoint);
  const messages: string[] = [];
  await using relay = await createRelay({
    source: "127.0.0.1:0",
    destination: listener.endpoint,
    // The attempt counts as one that retries from this time on.
    connectTimeout: 100,
    connectRetry: 300,
    drainTimeout: 0,
    observer: { unreachable: (_, { message }) => void messages.push(message) },
  });
  using client = await RawSocket.connect(relay.endpoint);
  expect(await client.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
  expect(messages).toEqual([expect.stringContaining("queue of clients stayed full")]);
});
