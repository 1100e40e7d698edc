import { expect, test } from "bun:test";
import { join } from "node:path";
import { parseAddress } from "../../../src/index.ts";
import { type RunningRelay, startRelay } from "../../support/process/executable.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { RawSocket } from "../../support/sockets/raw-socket.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

// Nobody who can connect can fill the disk with the log.

const CLIENTS = 10_000;
const AT_ONCE = 50;
const LINES_MOST = 60;

let folder: string;
folderForEachTest("log-flood", (path) => void (folder = path));

/** Clients come, and the relay turns each away. */
async function flood({ address }: RunningRelay, clients = CLIENTS): Promise<void> {
  const source = parseAddress(address, "destination");
  for (let done = 0; done < clients; done += AT_ONCE)
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        using client = RawSocket.dial(source);
        await client.receive();
      }),
    );
}

const linesOf = (relay: RunningRelay) => relay.stderr().split("\n").length - 1;

test.each(["pretty", "plain", "json", "journal"])(
  "10,000 clients of a dead destination are few lines of --log-format=%s",
  async (format) => {
    const options = [`--log-format=${format}`];
    await using relay = await startRelay([...options, "127.0.0.1:0", join(folder, "missing")]);
    await flood(relay);
    expect(await relay.stop()).toBe(0);
    expect(linesOf(relay)).toBeLessThan(LINES_MOST);
    expect(relay.stderr()).toMatch(/cannot reach .*\(ENOENT\), for 127\.0\.0\.1:\d+["\n]/);
    expect(relay.stderr()).toMatch(
      /\(ENOENT\), for [\d,]+ more clients in .* s \(1 different\)["\n]/,
    );
  },
);

test("10,000 refused clients are few lines", async () => {
  await using relay = await startRelay(["--deny=127.0.0.0/8", "127.0.0.1:0", "127.0.0.1:9"]);
  await flood(relay);
  expect(await relay.stop()).toBe(0);
  expect(linesOf(relay)).toBeLessThan(LINES_MOST);
  const refused = entriesOf(relay.stderr(), "refused");
  const counted = refused.reduce((sum, { count = 1 }) => sum + Number(count), 0);
  expect(counted).toBe(CLIENTS);
});

test.each([1, 3])(
  "a destination that is back is told with its count (%d workers)",
  async (workers) => {
    const path = join(folder, "destination");
    await using relay = await startRelay([`--workers=${workers}`, "127.0.0.1:0", path]);
    await flood(relay, 1_000);
    using _server = startEcho(path);
    // With several workers the first client may reach one that had missed nobody.
    for (let clients = 0; clients < 20; clients += 1) {
      using client = await connectEcho(relay.address);
      await client.ask("hello");
    }
    await relay.logged(/"event":"reached_again"/);
    const [first] = entriesOf(relay.stderr(), "reached_again");
    expect(first?.["message"]).toMatch(/ is reached again after .* s, [\d,]+ clients failed$/);
    // Of several workers another one may still have to tell of its clients.
    expect(first?.["failed"]).toBeWithin(workers === 1 ? 1_000 : 1, 1_001);
    expect(linesOf(relay)).toBeLessThan(LINES_MOST);
  },
);

test("the access log, which was asked for, has every client", async () => {
  const options = ["--access-log", "127.0.0.1:0", join(folder, "missing")];
  await using relay = await startRelay(options);
  await flood(relay, 1_000);
  expect(await relay.stop()).toBe(0);
  expect(entriesOf(relay.stderr(), "access")).toHaveLength(1_000);
});
