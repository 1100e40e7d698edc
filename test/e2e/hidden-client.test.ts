import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { executablePath, type RunningRelay, startRelay } from "../support/process/executable.ts";
import { entriesOf } from "../support/process/log-entries.ts";
import { isStopped } from "../support/process/proc.ts";
import { system } from "../support/process/system-calls.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { portIn } from "../support/sockets/socket-name.ts";
import { connectFrom, ipv6Loopback } from "../support/sockets/visitor.ts";
import { until } from "../support/waiting.ts";
import { folderForTests } from "../support/temporary-folder.ts";

// A client that sends something and resets before it is accepted: the kernel then says no more who
// it is (getpeername(2), ENOTCONN), and a destination that trusts the relay's address would trust
// the client.

const ROUNDS = 20;

const folder = folderForTests("hidden-client");

let names = 0;
function listen(): RawListener & { readonly path: string } {
  const path = join(folder, String((names += 1)));
  return Object.assign(new RawListener({ kind: "unix", path }), { path });
}

/** Comes, says 20 bytes and resets, all before the relay can accept; gives its address. */
async function vanish(relay: RunningRelay, from: string, host?: string): Promise<string> {
  process.kill(relay.pid, "SIGSTOP");
  try {
    while (!isStopped(relay.pid)) {}
    const client = await connectFrom(from, relay.address, host);
    const port = portIn(system.ownName(client.fd));
    client.trySend(Buffer.from("x".repeat(20)));
    client.reset();
    return from.includes(":") ? `[${from}]:${port}` : `${from}:${port}`;
  } finally {
    process.kill(relay.pid, "SIGCONT");
  }
}

/** What a connection brings, up to its end. */
async function textOf(server: RawSocket): Promise<string> {
  let text = "";
  for (;;) {
    const received = await server.receive();
    if (typeof received === "string") return text;
    text += Buffer.from(received).toString();
  }
}

function logged(relay: RunningRelay, event: string): Record<string, unknown>[] {
  return entriesOf(relay.stderr(), event);
}

describe.each([1, 3])("with %p workers", (workers) => {
  test("the destination hears its address or nothing, and the access log names it", async () => {
    using destination = listen();
    await using relay = await startRelay([
      ...[`--workers=${workers}`, "--proxy-protocol=v1", "--access-log"],
      ...["127.0.0.1:0", destination.path],
    ]);
    const vanished: string[] = [];
    while (vanished.length < ROUNDS) {
      vanished.push(await vanish(relay, "127.0.0.2"));
      await until(
        () => logged(relay, "access").length + logged(relay, "refused").length === vanished.length,
        "a line about the client",
      );
    }
    for (;;) {
      using server = destination.tryAccept();
      if (server === null) break;
      const text = await textOf(server);
      if (text === "") continue;
      const [, port = ""] = /^PROXY TCP4 127\.0\.0\.2 127\.0\.0\.1 (\d+) \d+\r\n/.exec(text) ?? [];
      expect(vanished, text).toContain(`127.0.0.2:${port}`);
    }
    const said = [...logged(relay, "access"), ...logged(relay, "refused")];
    expect(said.map(({ client }) => String(client)).sort()).toEqual(vanished.sort());
  });

  test("the access log alone names it as well", async () => {
    using destination = listen();
    const options = [`--workers=${workers}`, "--access-log"];
    await using relay = await startRelay([...options, "127.0.0.1:0", destination.path]);
    const client = await vanish(relay, "127.0.0.2");
    await until(() => logged(relay, "access").length > 0, "the access log");
    expect(logged(relay, "access")[0]?.["client"]).toBe(client);
  });

  test("it is denied by its address", async () => {
    using destination = listen();
    const options = [`--workers=${workers}`, "--deny=127.0.0.2"];
    await using relay = await startRelay([...options, "127.0.0.1:0", destination.path]);
    const client = await vanish(relay, "127.0.0.2");
    await until(() => logged(relay, "refused").length > 0, "the refusal");
    expect(logged(relay, "refused")[0]).toMatchObject({
      client,
      reason: "its address is denied",
    });
    expect(destination.tryAccept()).toBeNull();
  });
});

test.skipIf(!ipv6Loopback.present())("it is named by either family at one source", async () => {
  using destination = listen();
  await using relay = await startRelay(["--access-log", "[::]:0", destination.path]);
  const clients = [
    await vanish(relay, "127.0.0.2", "127.0.0.1"),
    await vanish(relay, "::1", "::1"),
  ];
  await until(() => logged(relay, "access").length === 2, "the access log");
  expect(
    logged(relay, "access")
      .map(({ client }) => String(client))
      .sort(),
  ).toEqual(clients.sort());
});

test("without FFI, nobody can tell who it is: it is refused, and the destination not touched", async () => {
  using destination = listen();
  await using relay = await startRelay(
    ["--proxy-protocol=v1", "--access-log", "127.0.0.1:0", destination.path],
    { env: { BUN_JSC_useJIT: "0" } },
  );
  await vanish(relay, "127.0.0.2");
  await until(() => logged(relay, "refused").length > 0, "the refusal");
  expect(logged(relay, "refused")[0]).toMatchObject({
    client: "",
    reason: "its address is unknown",
  });
  expect(destination.tryAccept()).toBeNull();
});

// The kernel keeps the address of a client only if the relay has asked for it before the client
// came.
test.each([["v1"], ["v2"]])(
  "at a passed socket that it left before the relay came, it is refused likewise: %s",
  async (version) => {
    using destination = listen();
    using source = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    using client = await RawSocket.connect(source.endpoint);
    client.trySend(Buffer.from("x".repeat(20)));
    client.reset();
    const options = ["--log-format=json", `--proxy-protocol=${version}`];
    const child = Bun.spawn([await executablePath(), ...options, "fd:3", destination.path], {
      env: {},
      stdio: ["ignore", "ignore", "pipe", source.fd],
    });
    let log = "";
    let stopped = false;
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      log += text;
      // A second signal would cut the stop short.
      if (stopped || !log.includes('"event":"refused"')) continue;
      stopped = true;
      child.kill();
    }
    expect(entriesOf(log, "refused")[0]).toMatchObject({
      client: "",
      reason: "its address is unknown",
    });
    expect(destination.tryAccept()).toBeNull();
    expect(await child.exited).toBe(0);
  },
);
