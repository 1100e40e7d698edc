import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeNeeding, program, root } from "../../support/machine/parts.ts";
import { runRelay, startRelay, type RunningRelay } from "../../support/process/executable.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { type EchoServer, startEcho } from "../../support/sockets/echo.ts";
import { connectFrom } from "../../support/sockets/visitor.ts";
import { until } from "../../support/waiting.ts";

const PAYLOAD = new Payload(100);
const LIMIT = 3;

const folder = mkdtempSync(join(tmpdir(), "per-client-"));
// Other users pass through it.
chmodSync(folder, 0o711);
const echo: EchoServer = startEcho();
afterAll(() => {
  echo[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

async function isServed(client: RawSocket): Promise<boolean> {
  client.trySend(PAYLOAD.bytes);
  const answer = await client.receive();
  if (typeof answer !== "string") return true;
  // Our own sending may have met the reset.
  expect(["ECONNRESET", "end"]).toContain(answer);
  client.close();
  return false;
}

/** What the relay has said of those whom it refused. */
function refusals(relay: RunningRelay): Record<string, unknown>[] {
  return entriesOf(relay.stderr(), "refused");
}

async function refusalsOf(relay: RunningRelay, count: number): Promise<Record<string, unknown>[]> {
  await until(() => refusals(relay).length >= count, `${count} refusals`);
  return refusals(relay);
}

const REASON = "it has as many connections as one client may have (--connections-max-per-client)";

describe.each([1, 3])("with %p workers", (workers) => {
  const options = [`--workers=${workers}`, `--connections-max-per-client=${LIMIT}`];

  test("an address gets so many connections and no more, and each that ends makes room", async () => {
    await using relay = await startRelay([...options, "127.0.0.1:0", echo.address]);
    const clients: RawSocket[] = [];
    const come = async (from: string) => {
      const client = await connectFrom(from, relay.address);
      const served = await isServed(client);
      if (served) clients.push(client);
      return served;
    };
    // Longer than any one worker takes all of them.
    for (let round = 0; round < 4; round += 1) {
      for (let count = 0; count < LIMIT; count += 1) expect(await come("127.0.0.2")).toBe(true);
      expect(await come("127.0.0.2")).toBe(false);
      expect(await come("127.0.0.2")).toBe(false);
      // Nobody else is concerned.
      for (let count = 0; count < LIMIT; count += 1) expect(await come("127.0.0.3")).toBe(true);
      expect(await come("127.0.0.3")).toBe(false);
      for (const client of clients.splice(0)) {
        client.halfClose();
        await client.readToEnd();
        client.close();
      }
      await until(() => echo.open === 0, "all to have left");
    }
    const [first] = await refusalsOf(relay, 1);
    expect(first?.["client"]).toMatch(/^127\.0\.0\.2:\d+$/);
    expect(first?.["reason"]).toBe(REASON);
  });

  test("of a crowd of one address no more are ever in, whoever accepts them", async () => {
    using destination = new RawListener({ kind: "unix", path: join(folder, `crowd-${workers}`) });
    const { endpoint } = destination;
    if (endpoint.kind !== "unix") throw new Error("a Unix listener has a Unix endpoint");
    await using relay = await startRelay([...options, "127.0.0.1:0", endpoint.path]);
    const crowd = await Promise.all(
      Array.from({ length: 100 }, () => connectFrom("127.0.0.2", relay.address)),
    );
    const servers: RawSocket[] = [];
    const refused = new Set<RawSocket>();
    for (const client of crowd)
      void client.readToEnd(60_000).then(({ ending }) => ending !== "EBADF" && refused.add(client));
    await until(() => {
      const server = destination.tryAccept();
      if (server !== null) servers.push(server);
      return refused.size + servers.length === crowd.length;
    }, "each to be let in or refused");
    expect(servers.length).toBeLessThanOrEqual(LIMIT);
    // Two that come at one moment may refuse each other; then there is room, and it is given.
    while (servers.length < LIMIT) {
      crowd.push(await connectFrom("127.0.0.2", relay.address));
      servers.push(await destination.accept());
    }
    for (const socket of [...crowd, ...servers]) socket.close();
  });

  test("on a Unix source it is the user that counts, and only the crowded one is refused", async () => {
    const path = join(folder, `users-${workers}`);
    await using relay = await startRelay([...options, "--mode=0777", path, echo.address]);
    const clients: RawSocket[] = [];
    for (let count = 0; count < LIMIT; count += 1) {
      const client = await RawSocket.connect({ kind: "unix", path });
      expect(await isServed(client)).toBe(true);
      clients.push(client);
    }
    expect(await isServed(await RawSocket.connect({ kind: "unix", path }))).toBe(false);
    const [refusal] = await refusalsOf(relay, 1);
    expect(refusal?.["client"]).toBe(
      `user ${process.getuid?.()}, group ${process.getgid?.()}, process ${process.pid}`,
    );
    expect(refusal?.["reason"]).toBe(REASON);
    clients.pop()?.close();
    // The destination sees the end of a connection a moment before the relay has a place again.
    while (!(await isServed(await RawSocket.connect({ kind: "unix", path })))) await Bun.sleep(1);
    for (const socket of clients) socket.close();
  });
});

const otherUserNeeds = [root, program("setpriv"), program("socat")];
await describeNeeding("of two Unix users", otherUserNeeds, () => {
  test("one takes no place of the other", async () => {
    const path = join(folder, "two-users");
    await using _relay = await startRelay([
      ...["--connections-max-per-client=1", "--mode=0777"],
      ...[path, echo.address],
    ]);
    using own = await RawSocket.connect({ kind: "unix", path });
    expect(await isServed(own)).toBe(true);
    const child = Bun.spawn(
      [
        ...["setpriv", "--reuid=61001", "--regid=61001", "--clear-groups", "--"],
        ...["socat", "-t5", "-", `UNIX-CONNECT:${path}`],
      ],
      { stdin: Buffer.from("hello"), stdout: "pipe", stderr: "ignore" },
    );
    expect(await new Response(child.stdout).text()).toBe("hello");
  });
});

const networkNeeds = [root, ...["unshare", "nsenter", "ip", "socat"].map(program)];
await describeNeeding("of IPv6 addresses", networkNeeds, () => {
  test("those of one /64 are one client, those of two are two", async () => {
    using behind = startEcho(join(folder, "behind"));
    await using relay = await startRelay(
      ["--connections-max-per-client=1", "[::]:0", behind.address],
      { prefix: ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$0" "$@"'] },
    );
    const inside = ["nsenter", `--target=${relay.pid}`, "--net", "--"];
    for (const address of ["2001:db8:1::1", "2001:db8:1::2", "2001:db8:2::1"])
      await Bun.spawn([...inside, "ip", "address", "add", `${address}/64`, "dev", "lo", "nodad"])
        .exited;
    const port = relay.address.slice(relay.address.lastIndexOf(":") + 1);
    const come = (from: string) => {
      const child = Bun.spawn(
        [...inside, "socat", "-", `TCP6:[2001:db8:1::1]:${port},bind=[${from}]`],
        { stdin: "pipe", stdout: "pipe", stderr: "ignore" },
      );
      void child.stdin.write("hello");
      void child.stdin.flush();
      return child;
    };
    const answerOf = async (child: ReturnType<typeof come>) => {
      const { value } = await child.stdout.getReader().read();
      return value === undefined ? "refused" : Buffer.from(value).toString();
    };
    const first = come("2001:db8:1::1");
    expect(await answerOf(first)).toBe("hello");
    expect(await answerOf(come("2001:db8:1::2"))).toBe("refused");
    const second = come("2001:db8:2::1");
    expect(await answerOf(second)).toBe("hello");
    expect((await refusalsOf(relay, 1)).map(({ client }) => client)).toEqual([
      expect.stringMatching(/^\[2001:db8:1::2\]:\d+$/),
    ]);
    for (const child of [first, second]) child.kill();
  });
});

describe("without FFI", () => {
  const env = { BUN_JSC_useJIT: "0" };

  test("a Unix source cannot tell users apart: the relay does not start", async () => {
    const args = ["--connections-max-per-client=1", join(folder, "none"), echo.address];
    const { code, stderr } = await runRelay(args, { env });
    expect(code).toBe(78);
    expect(stderr).toMatch(/ error cannot guard \S+: clients cannot be identified without FFI/);
  });

  test("addresses are told apart all the same", async () => {
    const args = ["--connections-max-per-client=1", "127.0.0.1:0", echo.address];
    await using relay = await startRelay(args, { env });
    using first = await connectFrom("127.0.0.2", relay.address);
    expect(await isServed(first)).toBe(true);
    expect(await isServed(await connectFrom("127.0.0.2", relay.address))).toBe(false);
    using other = await connectFrom("127.0.0.3", relay.address);
    expect(await isServed(other)).toBe(true);
  });
});
