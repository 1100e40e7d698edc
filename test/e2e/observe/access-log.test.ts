import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { startRelay, turnedAway } from "../../support/process/executable.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("access-log", (path) => void (folder = path));

describe("the access log", () => {
  test("has a line of a TCP client when it has gone", async () => {
    using server = startEcho();
    await using relay = await startRelay(["--access-log", "127.0.0.1:0", server.address]);
    const client = await connectEcho(relay.address);
    await client.ask("hello");
    expect(entriesOf(relay.stderr(), "access")).toEqual([]);
    client[Symbol.dispose]();
    await relay.logged(/"event":"access"/);
    expect(entriesOf(relay.stderr(), "access")).toEqual([
      {
        time: expect.any(String),
        level: "info",
        message: expect.stringMatching(
          /^127\.0\.0\.1:\d+ finished after \d+ ms, 5 bytes up, 5 down; 127\.0\.0\.1:\d+ after [\d.]+ ms; 0 open$/,
        ),
        event: "access",
        connection: 1,
        client: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        destination: server.address,
        reached: server.address,
        connect_ms: expect.any(Number),
        ending: "finished",
        bytes_up: 5,
        bytes_down: 5,
        duration_ms: expect.any(Number),
        open: 0,
        relay: "127.0.0.1:0",
      },
    ]);
  });

  test("names a Unix client by its process", async () => {
    using server = startEcho();
    const source = join(folder, "source");
    await using relay = await startRelay(["--access-log", source, server.address]);
    using client = await connectEcho(source);
    await client.ask("hello");
    client[Symbol.dispose]();
    await relay.logged(/"event":"access"/);
    expect(entriesOf(relay.stderr(), "access")).toMatchObject([
      {
        client: "",
        client_uid: process.getuid?.(),
        client_gid: process.getgid?.(),
        client_pid: process.pid,
      },
    ]);
  });

  test("says why a destination was not reached", async () => {
    const source = join(folder, "source");
    await using relay = await startRelay(["--access-log", source, join(folder, "missing")]);
    await turnedAway({ unix: source });
    await relay.logged(/"event":"access"/);
    expect(entriesOf(relay.stderr(), "access")).toMatchObject([
      { ending: "unreachable", code: "ENOENT", bytes_up: 0, bytes_down: 0 },
    ]);
    expect(entriesOf(relay.stderr(), "access")[0]).not.toContainKeys(["reached", "connect_ms"]);
  });

  test("is not there unless asked for", async () => {
    using server = startEcho();
    await using relay = await startRelay(["127.0.0.1:0", server.address]);
    const client = await connectEcho(relay.address);
    await client.ask("hello");
    client[Symbol.dispose]();
    await client.closed;
    expect(await relay.stop()).toBe(0);
    expect(relay.stderr()).not.toContain('"event":"access"');
  });
});
