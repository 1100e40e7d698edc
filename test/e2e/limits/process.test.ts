import { afterAll, expect, test } from "bun:test";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseAddress, type SocketEndpoint } from "../../../src/index.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { startRelay } from "../../support/process/executable.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { makeMemoryGroup } from "../../support/machine/resource-group.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("process", (path) => void (folder = path));

const MIB = 1024 * 1024;

test("a source's file that somebody removed is told of once, and open connections go on", async () => {
  const path = join(folder, "source");
  using server = startEcho();
  await using relay = await startRelay([path, server.address]);
  using client = await connectEcho(path);
  await client.ask("before");
  rmSync(path);
  await relay.logged(/"level":"warn".*the source's file is gone/);
  await client.ask("after");
  // Another look at the file has passed by then.
  await Bun.sleep(2_500);
  await client.ask("still");
  client[Symbol.dispose]();
  expect(await relay.stop()).toBe(0);
  expect(relay.stderr().match(/file is gone/g)).toHaveLength(1);
  expect(readdirSync(folder)).toEqual([]);
});

test("a relay that stood still, as in a machine that was suspended, goes on where it was", async () => {
  using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  const options = ["--idle-timeout=1s", "--connect-timeout=1s"];
  await using relay = await startRelay([...options, "127.0.0.1:0", addressOf(listener)]);
  using client = await RawSocket.connect(parseAddress(relay.address, "destination"));
  using destination = await listener.accept();
  const payload = new Payload(100_000);

  process.kill(relay.pid, "SIGSTOP");
  client.sendAtOnce(payload);
  const late = await RawSocket.connect(parseAddress(relay.address, "destination"));
  late.sendAtOnce(payload);
  // Longer than both times: they are all up when it goes on.
  await Bun.sleep(1_500);
  process.kill(relay.pid, "SIGCONT");

  expect(await destination.read(payload.length)).toEqual(payload.received());
  using other = await listener.accept();
  expect(await other.read(payload.length)).toEqual(payload.received());
  late.close();
});

// A moment after it has killed the glutton, the kernel may look for another program to kill. This
// must not be the relay, because the test is about bytes (proc(5), oom_score_adj; needs root).
const SPARED = ["sh", "-c", 'echo -1000 2>/dev/null >/proc/self/oom_score_adj; exec "$@"', "sh"];
const group = makeMemoryGroup(64 * MIB);
afterAll(async () => await group?.[Symbol.asyncDispose]());

test.skipIf(group === null)(
  "beside a program that runs out of their common memory again and again, it carries all bytes",
  async () => {
    const prefix = group?.prefix ?? [];
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    await using relay = await startRelay(["127.0.0.1:0", addressOf(listener)], {
      prefix: [...prefix, ...SPARED],
    });
    const source = parseAddress(relay.address, "destination");
    await using glutton = new Glutton(prefix);
    for (let round = 0; round < 3 || glutton.kills < 5; round += 1)
      await Promise.all(Array.from({ length: 10 }, (_, index) => carry(source, listener, index)));
    expect(await relay.stop()).toBe(0);
  },
);

/** 8 MiB through one connection; some destinations do not read for a while. */
async function carry(source: SocketEndpoint, listener: RawListener, index: number): Promise<void> {
  using client = await RawSocket.connect(source);
  using destination = await listener.accept();
  // Which of the clients this is the destination of is not known: they all send the same.
  const payload = new Payload(8 * MIB);
  const sending = client.send(payload).then(() => client.halfClose());
  if (index % 3 === 0) await Bun.sleep(300);
  const [received] = await Promise.all([destination.readToEnd(30_000), sending]);
  expect(received).toEqual({ ...payload.received(), ending: "end" });
}

/** A program that takes memory until the kernel kills it, and is then started again. */
class Glutton implements AsyncDisposable {
  kills = 0;
  readonly #done: Promise<void>;
  #child: Bun.Subprocess | null = null;
  #over = false;

  constructor(prefix: readonly string[]) {
    this.#done = this.#run(prefix);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    this.#child?.kill("SIGKILL");
    await this.#done;
  }

  async #run(prefix: readonly string[]): Promise<void> {
    // The kernel kills first what is worth least (proc(5), oom_score_adj); tail keeps a whole line.
    const script = "echo 1000 >/proc/self/oom_score_adj && exec tail /dev/zero";
    while (!this.#over) {
      const child = Bun.spawn([...prefix, "sh", "-c", script], { stderr: "pipe" });
      this.#child = child;
      const said = await child.stderr.text();
      await child.exited;
      if (child.signalCode !== "SIGKILL")
        throw new Error(`nobody ran out of memory: status ${child.exitCode}, ${said}`);
      this.kills += 1;
    }
  }
}

function addressOf({ endpoint }: RawListener): string {
  if (endpoint.kind !== "tcp") throw new Error("a TCP listener has a TCP endpoint");
  return `127.0.0.1:${endpoint.port}`;
}
