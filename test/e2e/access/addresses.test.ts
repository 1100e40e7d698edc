import { describe, expect, test } from "bun:test";
import { startRelay } from "../../support/process/executable.ts";
import { describeNeeding, type Need } from "../../support/machine/parts.ts";
import { RawListener } from "../../support/sockets/raw-socket.ts";
import { portIn } from "../../support/sockets/socket-name.ts";
import { system } from "../../support/process/system-calls.ts";
import { connectFrom, GREETING, ipv6Loopback } from "../../support/sockets/visitor.ts";
import { accessBench, socketsAre, socketsOf, toTheEnd, visit } from "./access-bench.ts";

const { freshPath, greeter, startInherited } = accessBench();

/** What comes of clients from so many addresses at a relay with such options. */
type Row = readonly [
  source: string,
  options: readonly string[],
  served: readonly string[],
  refused: readonly string[],
];

function addressTable(title: string, needs: readonly Need[], rows: readonly Row[]) {
  return describeNeeding(title, needs, () => {
    test.each<Row>([...rows])("%s %j serves %j, resets %j", async (source, options, good, bad) => {
      // One place: a client that is refused must not take it.
      await using relay = await startRelay([
        ...["--connections-max=1", ...options],
        ...[source, greeter().address],
      ]);
      const before = socketsOf(relay);
      const visits = greeter().visits;
      const names: string[] = [];
      const come = async (from: string) => {
        const host = source.startsWith("[::]") ? (from === "::1" ? from : "127.0.0.1") : undefined;
        using client = await connectFrom(from, relay.address, host);
        // A socket that was reset has no peer any more, but still its own name.
        const own = portIn(system.ownName(client.fd));
        // An IPv4 client of an IPv6 socket is an IPv4 client.
        names.push(`${from === "::1" ? "[::1]" : from}:${own}`);
        return await visit(client);
      };
      for (const from of bad) expect(await come(from), from).toBe("ECONNRESET");
      const refused = names.splice(0);
      for (const from of good) expect(await come(from), from).toBe("served");
      for (const from of bad) expect(await come(from), from).toBe("ECONNRESET");
      refused.push(...names.splice(good.length));
      await socketsAre(relay, before);
      const said = await toTheEnd(relay);
      expect(said.map(({ client }) => client)).toEqual(refused);
      expect(greeter().visits - visits).toBe(good.length);
    });
  });
}

await addressTable(
  "TCP clients by IPv4 address",
  [],
  [
    ["127.0.0.1:0", ["--allow=127.0.0.2"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.3"]],
    [
      "127.0.0.1:0",
      ["--allow=127.0.0.0/30"],
      ["127.0.0.1", "127.0.0.2", "127.0.0.3"],
      ["127.0.0.4", "127.1.0.1", "127.128.0.0"],
    ],
    [
      "127.0.0.1:0",
      ["--deny=127.0.0.2/31"],
      ["127.0.0.1", "127.0.0.4", "127.255.255.254"],
      ["127.0.0.2", "127.0.0.3"],
    ],
    [
      "127.0.0.1:0",
      ["--allow=127.0.0.0/8", "--deny=127.0.0.64/26"],
      ["127.0.0.63", "127.0.0.128"],
      ["127.0.0.64", "127.0.0.127"],
    ],
    [
      "127.0.0.1:0",
      ["--allow=127.0.0.7,10.0.0.0/8,127.0.0.9", "--deny=127.0.0.0/29"],
      ["127.0.0.9"],
      ["127.0.0.7", "127.0.0.8"],
    ],
    ["127.0.0.1:0", ["--allow=::/0"], [], ["127.0.0.1"]],
    ["127.0.0.1:0", ["--deny=::/0"], ["127.0.0.1"], []],
    ["127.0.0.1:0", ["--deny=0.0.0.0/0", "--allow=127.0.0.1"], [], ["127.0.0.1"]],
  ],
);

await addressTable(
  "TCP clients of both families on one socket",
  [ipv6Loopback],
  [
    ["[::]:0", ["--allow=127.0.0.2"], ["127.0.0.2"], ["127.0.0.1", "::1"]],
    ["[::]:0", ["--allow=::ffff:127.0.0.2"], ["127.0.0.2"], ["127.0.0.1", "::1"]],
    ["[::]:0", ["--allow=::1,127.0.0.0/31"], ["::1", "127.0.0.1"], ["127.0.0.2"]],
    ["[::]:0", ["--deny=127.0.0.0/8"], ["::1"], ["127.0.0.1", "127.9.9.9"]],
    ["[::]:0", ["--deny=::/0"], ["127.0.0.1"], ["::1"]],
    ["[::]:0", ["--deny=0.0.0.0/0"], ["::1"], ["127.0.0.1"]],
    ["[::]:0", ["--allow=::/0"], ["::1"], ["127.0.0.1"]],
    ["[::1]:0", ["--allow=::/1", "--deny=::2/127"], ["::1"], []],
    ["[::1]:0", ["--deny=::1"], [], ["::1"]],
  ],
);

test("a crowd of strangers does not touch who is in, and leaves nothing behind", async () => {
  using destination = new RawListener({ kind: "unix", path: freshPath() });
  const { endpoint } = destination;
  if (endpoint.kind !== "unix") throw new Error("a Unix listener has a Unix endpoint");
  await using relay = await startRelay([
    ...["--allow=127.0.0.1", "--connections-max=2"],
    ...["127.0.0.1:0", endpoint.path],
  ]);
  using client = await connectFrom("127.0.0.1", relay.address);
  using server = await destination.accept();
  const before = socketsOf(relay);
  const strangers = Array.from({ length: 300 }, async (_, index) => {
    using stranger = await connectFrom(`127.0.1.${index % 200}`, relay.address);
    return await visit(stranger);
  });
  expect(new Set(await Promise.all(strangers))).toEqual(new Set(["ECONNRESET"]));
  await socketsAre(relay, before);
  expect(destination.tryAccept()).toBeNull();
  server.trySend(Buffer.from(GREETING));
  expect(await visit(client)).toBe("served");
  client.close();
  server.close();
  const said = await toTheEnd(relay);
  expect(said.reduce((sum, { count }) => sum + count, 0)).toBe(300);
});

test("the source that systemd passed is guarded, too", async () => {
  using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  await using relay = await startInherited(listener, ["--deny=127.0.0.2"]);
  const { endpoint } = listener;
  if (endpoint.kind !== "tcp") throw new Error("a TCP listener has a TCP endpoint");
  await relay.listens;
  const address = `127.0.0.1:${endpoint.port}`;
  using stranger = await connectFrom("127.0.0.2", address);
  expect(await visit(stranger)).toBe("ECONNRESET");
  using client = await connectFrom("127.0.0.3", address);
  expect(await visit(client)).toBe("served");
});

describe("without FFI", () => {
  const env = { BUN_JSC_useJIT: "0" };

  test("addresses are told all the same", async () => {
    const args = ["--allow=127.0.0.2", "127.0.0.1:0", greeter().address];
    await using relay = await startRelay(args, { env });
    const before = socketsOf(relay);
    using stranger = await connectFrom("127.0.0.3", relay.address);
    expect(await visit(stranger)).toBe("ECONNRESET");
    using client = await connectFrom("127.0.0.2", relay.address);
    expect(await visit(client)).toBe("served");
    client.close();
    await socketsAre(relay, before);
    expect(await toTheEnd(relay)).toHaveLength(1);
    expect(relay.stderr()).not.toContain('"fault"');
  });
});
