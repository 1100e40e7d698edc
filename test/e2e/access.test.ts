import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  executablePath,
  runRelay,
  startRelay,
  type RunningRelay,
} from "../support/process/executable.ts";
import { entriesOf } from "../support/process/log-entries.ts";
import { describeNeeding, type Need, program, root } from "../support/machine/parts.ts";
import { socketDescriptors } from "../support/process/proc.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { portIn } from "../support/sockets/socket-name.ts";
import { system } from "../support/process/system-calls.ts";
import {
  connectFrom,
  type Greeter,
  GREETING,
  ipv6Loopback,
  startGreeter,
  userNamespaces,
} from "../support/sockets/visitor.ts";
import { until } from "../support/waiting.ts";

let folder: string;
let greeter: Greeter;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "access-"));
  // Other users pass through it.
  chmodSync(folder, 0o711);
  greeter = await startGreeter();
});

afterAll(async () => {
  await greeter[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

let names = 0;
/** A path for a socket that nobody else uses. */
function freshPath(): string {
  names += 1;
  return join(folder, `source-${names}`);
}

/** Stops the relay; what it has said of those whom it refused. */
async function toTheEnd(
  relay: RunningRelay,
): Promise<{ client: unknown; reason: unknown; count: number }[]> {
  expect(await relay.stop()).toBe(0);
  return entriesOf(relay.stderr(), "refused").map(({ level, client, reason, count = 1 }) => {
    // A line without a count is about one client.
    expect(level).toBe("warn");
    return { client, reason, count: Number(count) };
  });
}

function socketsOf(relay: RunningRelay): number {
  return socketDescriptors(relay.pid).length;
}

/** Goes on once the relay holds no more sockets than it did. */
function socketsAre(relay: RunningRelay, before: number): Promise<void> {
  return until(
    () => socketsOf(relay) === before,
    () => `the relay to hold ${before} sockets, not ${socketsOf(relay)}`,
  );
}

/** `served`, or how a client was turned away. */
async function visit(socket: RawSocket): Promise<string> {
  const received = await socket.receive();
  return typeof received !== "string" && Buffer.from(received).toString() === GREETING
    ? "served"
    : String(received);
}

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
        ...[source, greeter.address],
      ]);
      const before = socketsOf(relay);
      const visits = greeter.visits;
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
      expect(greeter.visits - visits).toBe(good.length);
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

/** Users of clients: numbers that need no name. */
interface Client {
  readonly uid: number;
  readonly gid: number;
  readonly groups?: readonly number[];
}

const ALICE = 61_001;
const BOB = 61_002;
const STAFF = 62_001;
const GUESTS = 62_002;
const bob = (...groups: number[]): Client => ({ uid: BOB, gid: GUESTS, groups });

/** As a client of that user and those groups: what came of it, and its process's id. */
async function visitAs({ uid, gid, groups = [] }: Client, address: string) {
  const to = address.startsWith("@")
    ? `ABSTRACT-CONNECT:${address.slice(1)}`
    : `UNIX-CONNECT:${address}`;
  const child = Bun.spawn(
    [
      ...["setpriv", `--reuid=${uid}`, `--regid=${gid}`],
      groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`,
      ...["--", "socat", "-u", to, "-"],
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  // What may go wrong with one who is turned away is that, and nothing before.
  expect(stderr).not.toMatch(/setpriv|connect\(/);
  return { served: stdout === GREETING, pid: child.pid };
}

const setprivNeeds = [root, program("setpriv"), program("socat")];

await describeNeeding("Unix clients by what the kernel says of them", setprivNeeds, () => {
  type Rows = readonly (readonly [
    options: readonly string[],
    served: readonly Client[],
    refused: readonly Client[],
  ])[];
  const many = Array.from({ length: 200 }, (_, index) => 70_000 + index);
  const most = Array.from({ length: 9_000 }, (_, index) => 70_000 + index);
  const rows: Rows = [
    [[`--allow-users=${ALICE}`], [{ uid: ALICE, gid: 1 }], [bob(), { uid: 0, gid: 0 }]],
    [
      [`--allow-users=nobody,${ALICE},root`],
      [
        { uid: ALICE, gid: 1 },
        { uid: 0, gid: 1 },
        { uid: 65_534, gid: 1 },
      ],
      [bob()],
    ],
    [
      [`--allow-groups=${STAFF}`],
      [
        { uid: BOB, gid: STAFF },
        bob(STAFF),
        bob(GUESTS, STAFF),
        bob(...many, STAFF),
        bob(...most, STAFF),
      ],
      [bob(), bob(...many), bob(...most), { uid: 0, gid: 0 }],
    ],
    [[`--allow-groups=nogroup,${GUESTS}`], [bob(), { uid: 1, gid: 65_534 }], [{ uid: 1, gid: 1 }]],
    [
      [`--allow-users=${ALICE}`, `--allow-groups=${STAFF}`],
      [{ uid: ALICE, gid: 1 }, bob(STAFF)],
      [bob(), { uid: STAFF, gid: ALICE }],
    ],
  ];

  for (const where of ["a path", "an abstract name"])
    test.each([...rows])(`%j at ${where}`, async (options, good, bad) => {
      const path = freshPath();
      const source = where === "a path" ? path : `@${path}`;
      const open = where === "a path" ? ["--mode=0777"] : [];
      await using relay = await startRelay([
        ...["--connections-max=1", ...open, ...options],
        ...[source, greeter.address],
      ]);
      const before = socketsOf(relay);
      const visits = greeter.visits;
      const refused: string[] = [];
      for (const client of bad) {
        const { served, pid } = await visitAs(client, source);
        expect(served, JSON.stringify(client)).toBe(false);
        refused.push(`user ${client.uid}, group ${client.gid}, process ${pid}`);
      }
      for (const client of good)
        expect((await visitAs(client, source)).served, JSON.stringify(client)).toBe(true);
      await socketsAre(relay, before);
      const said = await toTheEnd(relay);
      expect(said.map(({ client }) => client)).toEqual(refused);
      expect(greeter.visits - visits).toBe(good.length);
    });
});

await describeNeeding(
  "in a user namespace that maps root alone",
  [...setprivNeeds, program("unshare"), userNamespaces],
  () => {
    const prefix = ["unshare", "--user", "--map-root-user", "--"];

    test("the id of all others lets nobody in", async () => {
      const source = freshPath();
      const rules = ["--allow-users=65534", "--allow-groups=65534,0"];
      await using relay = await startRelay(["--mode=0777", ...rules, source, greeter.address], {
        prefix,
      });
      for (const client of [bob(), { uid: 65_534, gid: 65_534 }, bob(GUESTS, 65_534)])
        expect((await visitAs(client, source)).served).toBe(false);
      expect((await visitAs(bob(0), source)).served).toBe(true);
      const said = await toTheEnd(relay);
      expect(said).toHaveLength(3);
      for (const { reason } of said) expect(reason).toContain("PrivateUsers=no");
    });

    test("who is mapped is told", async () => {
      const source = freshPath();
      const args = ["--mode=0777", "--allow-users=0", source, greeter.address];
      await using _relay = await startRelay(args, { prefix });
      expect((await visitAs({ uid: 0, gid: 0 }, source)).served).toBe(true);
      expect((await visitAs(bob(), source)).served).toBe(false);
    });
  },
);

describe("without FFI", () => {
  const env = { BUN_JSC_useJIT: "0" };

  test.each(["--allow-users=0", "--allow-groups=0"])(
    "%s is a reason not to start",
    async (rule) => {
      const source = freshPath();
      const { code, stderr } = await runRelay([rule, source, greeter.address], { env });
      // No later start could do better.
      expect(code).toBe(78);
      expect(stderr).toMatch(
        /^\S+ error cannot guard \S+: clients cannot be identified without FFI/,
      );
      expect(stderr.trimEnd()).not.toContain("\n");
      expect(existsSync(source)).toBe(false);
    },
  );

  test("addresses are told all the same", async () => {
    const args = ["--allow=127.0.0.2", "127.0.0.1:0", greeter.address];
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

describe("a rule that this source cannot follow is never ignored", () => {
  test.each([
    [["--allow=127.0.0.1", "./new", ":1"], "--allow makes sense only if SOURCE is a TCP address"],
    [["--deny=127.0.0.1", "@new", ":1"], "--deny makes sense only if SOURCE is a TCP address"],
    [["--allow-users=0", ":0", ":1"], "--allow-users makes sense only if SOURCE is a Unix socket"],
    [["--allow-groups=0", ":0", ":1"], "--allow-groups makes sense only if SOURCE is a Unix"],
    [["--allow=10.0.0.1/8", ":0", ":1"], '--allow: "10.0.0.1/8" has bits set beyond its prefix'],
    [["--allow=localhost", ":0", ":1"], '--allow: "localhost" is not an address or range'],
    [["--allow=127.0.0.1,", ":0", ":1"], '--allow: "127.0.0.1," has an empty entry'],
    [["--deny=127.0.0.1,\u009b", ":0", ":1"], '--deny: "\\u009b" is not an address or range'],
    [["--deny=127.0.0.1, ::1", ":0", ":1"], '--deny: " ::1" is not an address or range'],
    [["--deny=", ":0", ":1"], "--deny lacks its value"],
    [["--allow-users=no-such-user", "./new", ":1"], 'this system knows no user "no-such-user"'],
    [["--allow-users=0,no-such-user", "./new", ":1"], 'this system knows no user "no-such-user"'],
    [["--allow-groups=no-such-group", "./new", ":1"], 'knows no group "no-such-group"'],
    [["--allow-users=4294967295", "./new", ":1"], "4294967295 is not a user id"],
    [["--allow-user=0", "./new", ":1"], 'no option "--allow-user"; did you mean --allow-users?'],
  ])("%j: status 64", async (args, message) => {
    const { code, stderr } = await runRelay(args, { cwd: folder });
    expect(stderr).toContain(message);
    expect(code).toBe(64);
    expect(existsSync(join(folder, "new"))).toBe(false);
  });

  test.each([
    ["a Unix socket", "--allow=127.0.0.1", "a Unix client has no address to allow or deny"],
    ["a Unix socket", "--deny=127.0.0.1", "a Unix client has no address to allow or deny"],
    ["a TCP socket", "--allow-users=0", "the kernel knows no user or group for a TCP client"],
    ["a TCP socket", "--allow-groups=0", "the kernel knows no user or group for a TCP client"],
  ])("inherited %s, %s: status 1", async (kind, rule, message) => {
    using listener = new RawListener(
      kind === "a TCP socket"
        ? { kind: "tcp", host: "127.0.0.1", port: 0 }
        : { kind: "unix", path: freshPath() },
    );
    await using relay = await startInherited(listener, [rule]);
    expect(await relay.exited).toBe(1);
    const stderr = await relay.stderr;
    expect(stderr).toMatch(/^\S+ error cannot guard [^\n]+\n$/);
    expect(stderr).toContain(message);
  });
});

/** A relay whose source is a descriptor that it is started with. */
async function startInherited(listener: RawListener, options: readonly string[]) {
  const child = Bun.spawn([await executablePath(), ...options, "fd:3", greeter.address], {
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "ignore", "pipe", listener.fd],
  });
  const [first, second] = child.stderr.tee();
  return {
    exited: child.exited,
    stderr: new Response(second).text(),
    /** Settles with the first that it says. */
    get listens(): Promise<unknown> {
      return first.getReader().read();
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
