import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseAddress, type SocketEndpoint } from "../../../src/index.ts";
import { connectionDescriptors, cpuSeconds } from "../../support/process/proc.ts";
import { connectEcho, type EchoServer, startEcho } from "../../support/sockets/echo.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { RawSocket } from "../../support/sockets/raw-socket.ts";
import { until } from "../../support/waiting.ts";
import { ask, startWatched, type WatchedRelay } from "./admin.ts";

// Whoever reaches the admin address gets no more than its limits: not the relay's descriptors, not
// its processor, and no connection for as long as they like.

const CONNECTIONS_MOST = 32;
const PATIENCE = 25_000;

const clients: RawSocket[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function endpointOf(address: string): SocketEndpoint {
  return parseAddress(address, "destination");
}

/** A client of an admin address that sends something, and is closed after the test. */
async function visit(address: string, text = ""): Promise<RawSocket> {
  const client = await RawSocket.connect(endpointOf(address));
  clients.push(client);
  if (text !== "") client.trySend(Buffer.from(text));
  return client;
}

/** All that a client gets until the stream ends. */
async function answerTo(address: string, text: string): Promise<string> {
  const client = await visit(address, text);
  let answer = "";
  for (;;) {
    const got = await client.receive();
    if (got === "end") return answer;
    if (typeof got === "string") throw new Error(`${got} after ${JSON.stringify(answer)}`);
    answer += Buffer.from(got).toString();
  }
}

const HEAD = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";

describe.each([
  ["idle", ""],
  ["that sent half a request", HEAD],
  ["that asked and do not close", `${HEAD}\r\n`],
])("1,000 clients %s", (_, text) => {
  test("take neither the relay's descriptors nor its processor, nor keep others out", async () => {
    using server = startEcho();
    // Too few descriptors for them all.
    const prefix = ["prlimit", "--nofile=256"];
    await using relay = await startWatched(["127.0.0.1:0", server.address], { prefix });
    const before = { cpu: cpuSeconds(relay.pid), at: performance.now() };
    using own = await connectEcho(relay.address);
    await own.ask("hello");
    const others = connectionDescriptors(relay.pid).length;
    let most = 0;
    for (let count = 0; count < 1_000; count += 1) {
      const client = RawSocket.dial(endpointOf(relay.admin));
      clients.push(client);
      if (text !== "") client.trySend(Buffer.from(text));
      if (count % 100 !== 99) continue;
      await own.ask("hello");
      most = Math.max(most, connectionDescriptors(relay.pid).length);
    }
    using late = await connectEcho(relay.address);
    await late.ask("hello");
    expect(await ask(relay.admin, "/healthz")).toMatchObject({ status: 200 });
    // They stay for another second.
    await Bun.sleep(1_000);
    expect(most).toBeLessThanOrEqual(CONNECTIONS_MOST + others);
    const seconds = (performance.now() - before.at) / 1_000;
    expect((cpuSeconds(relay.pid) - before.cpu) / seconds).toBeLessThan(0.5);
    expect(relay.stderr()).not.toContain('"level":"error"');
  });
});

test.each([
  ["TCP", () => "127.0.0.1:0"],
  ["Unix", (): string => join(mkdtempSync(join(tmpdir(), "admin-limits-")), "admin")],
])("a request that came while the relay stood still is answered: %s", async (_, admin) => {
  await using relay = await startWatched(["127.0.0.1:0", "127.0.0.1:9"], { admin: admin() });
  const before = connectionDescriptors(relay.pid).length;
  const client = await visit(relay.admin);
  await until(() => connectionDescriptors(relay.pid).length === before + 1, "the relay to accept");
  process.kill(relay.pid, "SIGSTOP");
  client.trySend(Buffer.from(`${HEAD}\r\n`));
  // Longer than a client may take to ask.
  await Bun.sleep(6_000);
  process.kill(relay.pid, "SIGCONT");
  expect(await client.readToEnd()).toMatchObject({ ending: "end" });
  expect(await relay.stop()).toBe(0);
  if (relay.admin.startsWith("/")) rmSync(dirname(relay.admin), { recursive: true });
});

describe("a client", () => {
  let folder: string;
  let server: EchoServer;
  const relays: WatchedRelay[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "admin-limits-"));
    server = startEcho();
    for (const admin of ["127.0.0.1:0", join(folder, "admin")])
      relays.push(await startWatched(["127.0.0.1:0", server.address], { admin }));
  });

  afterAll(async () => {
    server[Symbol.dispose]();
    rmSync(folder, { recursive: true });
    for (const relay of relays) {
      expect(await relay.stop()).toBe(0);
      // Whatever clients sent, there is no line about it.
      const events = entriesOf(relay.stderr()).map(({ event }) => String(event));
      expect(events.sort()).toEqual(["admin", "listening", "stopped"]);
    }
  });

  test("that does not ask, or does not leave, is closed after seconds", async () => {
    await Promise.all(
      relays.map(async ({ admin, pid }) => {
        const open = () => connectionDescriptors(pid).length;
        const before = open();
        await visit(admin);
        await visit(admin, HEAD);
        await visit(admin, `${HEAD}\r\n`);
        await visit(admin, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100));
        await until(() => open() === before + 4, "the relay to accept");
        await until(() => open() === before, "the relay to close", PATIENCE);
      }),
    );
  });

  test("that sends its request byte by byte is closed after seconds", async () => {
    await Promise.all(
      relays.map(async ({ admin }) => {
        const client = await visit(admin);
        for (let sent = 0; client.trySend(Buffer.from(HEAD[sent] ?? "x")) === 1; sent += 1)
          await Bun.sleep(100);
      }),
    );
  });

  const request = (line: string, ...headers: string[]) => [line, ...headers, "", ""].join("\r\n");
  const GET = "GET /healthz HTTP/1.1";

  test.each([
    ["a port that does not exist", request(GET, "Host: localhost:99999"), 400],
    ["two Host lines", request(GET, "Host: localhost", "Host: localhost"), 400],
    ["a target that is no path", request("GET healthz HTTP/1.1", "Host: localhost"), 400],
    ["an asterisk", request("OPTIONS * HTTP/1.1", "Host: localhost"), 400],
    ["an absolute target", request("GET http://localhost:99999/ HTTP/1.1", "Host: localhost"), 400],
    ["a foreign target", request("GET http://a.test/ HTTP/1.1", "Host: localhost"), 421],
    ["something that is no HTTP", "\0\0\0\u0001hello\r\n\r\n", 400],
    ["TLS", "\u0016\u0003\u0001\u0002\0\u0001\0\u0001", 400],
    ["a control character", request(GET, "Host: localhost", "X: a\u0001b"), 400],
    ["two lengths", request("POST / HTTP/1.1", "Content-Length: 1", "Content-Length: 2"), 400],
    ["a huge header", request(GET, `X: ${"a".repeat(100_000)}`), 431],
    ["an endless line", "a".repeat(1_000_000), 400],
    ["a body that does not come", request("POST / HTTP/1.1", "Content-Length: 9"), 405],
    ["an upgrade", request(GET, "Upgrade: websocket", "Connection: upgrade"), 200],
    ["an absolute target of loopback", request("GET http://[::1]/healthz HTTP/1.1"), 200],
    ["HTTP/1.0 and no Host", request("GET /healthz HTTP/1.0"), 200],
  ])("that sends %s gets its status, and the log nothing", async (_, text, status) => {
    for (const { admin } of relays)
      expect(await answerTo(admin, text)).toStartWith(`HTTP/1.1 ${status} `);
  });

  test("that asks twice gets one answer, and the end", async () => {
    for (const { admin } of relays) {
      const answer = await answerTo(admin, request(GET, "Host: localhost").repeat(2));
      expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
      expect(answer).toEndWith("\r\n\r\nok\n");
    }
  });

  test("that asks by HEAD gets the head of the answer to GET", async () => {
    for (const { admin } of relays) {
      const headOf = (text: string) =>
        text.slice(0, text.indexOf("\r\n\r\n")).replace(/\r\ndate: .*/i, "");
      const target = "/healthz HTTP/1.1\r\n\r\n";
      const head = await answerTo(admin, `HEAD ${target}`);
      expect(head).toEndWith("\r\n\r\n");
      expect(headOf(head)).toBe(headOf(await answerTo(admin, `GET ${target}`)));
    }
  });
});
