import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { executablePath, runRelay, startRelay } from "../../support/process/executable.ts";
import { describeNeeding, program, root } from "../../support/machine/parts.ts";
import { Dice } from "../../support/soak/dice.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { CURL, startNginx } from "./nginx.ts";
import { OWNER, startPostgres } from "./start-postgres.ts";
import { startRedis } from "./start-redis.ts";
import {
  describeParts,
  sharedResources,
  succeed,
  temporaryFolder,
  TEST_TIMEOUT_MS,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

/** What tshark says of a capture. Colours, names and settings of this machine do not matter. */
function tshark(file: string, ...args: string[]): Promise<string> {
  return succeed(["tshark", "-n", "-r", file, ...args]);
}

/**
 * Packets that no capture of a relay may have: lost ones, doubled ones, ones in the wrong order.
 */
const WRONG = [
  "tcp.analysis.lost_segment",
  "tcp.analysis.ack_lost_segment",
  "tcp.analysis.retransmission",
  "tcp.analysis.out_of_order",
  "tcp.analysis.duplicate_ack",
  "tcp.analysis.zero_window",
  "tcp.analysis.window_full",
].join(" || ");

/** One way of a conversation, by tshark's `follow`. */
async function follow(file: string, stream: number): Promise<{ up: Buffer; down: Buffer }> {
  const text = await tshark(file, "-q", "-z", `follow,tcp,raw,${stream}`);
  const lines = text.split("\n").filter((line) => /^\t?[0-9a-f]+$/.test(line));
  const bytesOf = (wanted: boolean) =>
    Buffer.from(
      lines
        .filter((line) => line.startsWith("\t") === wanted)
        .map((line) => line.trim())
        .join(""),
      "hex",
    );
  return { up: bytesOf(false), down: bytesOf(true) };
}

await describeParts("a capture of HTTP", ["tshark", "nginx", "curl"], () => {
  test("between two Unix sockets is HTTP to tshark", async () => {
    await using resources = new AsyncDisposableStack();
    const folder = await temporaryFolder(resources);
    const server = await startNginx(folder, resources);
    const [file, path] = [join(folder, "capture"), join(folder, "source")];
    const relay = await startRelay([`--capture=${file}`, path, server.path]);
    await relay.logged(/"level":"warn".*passwords and other secrets included/);
    await succeed([...CURL, "--unix-socket", path, "http://relay/files/hello"]);
    expect(await relay.stop()).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const fields = ["-T", "fields", "-e", "http.request.uri", "-e", "http.response.code"];
    expect((await tshark(file, "-Y", "http", ...fields)).trim().split("\n")).toEqual([
      "/files/hello\t",
      "\t200",
    ]);
    const comment = await tshark(
      file,
      "-Y",
      "tcp.flags.syn==1",
      "-T",
      "fields",
      "-e",
      "frame.comment",
    );
    expect(comment).toMatch(/^client: user \d+, group \d+, process \d+\n/);
    expect(await tshark(file, "-Y", WRONG)).toBe("");
  });
});

await describeParts(
  "a capture of PostgreSQL",
  ["tshark", "postgres", "initdb", "psql", "setpriv"],
  () => {
    test("between two Unix sockets is PostgreSQL to tshark", async () => {
      await using resources = new AsyncDisposableStack();
      const folder = await temporaryFolder(resources);
      const cluster = join(folder, "cluster");
      await mkdir(cluster);
      if (process.getuid?.() === 0) await succeed(["chown", `${OWNER}:`, cluster]);
      const server = await startPostgres(cluster, resources);
      const [file, path] = [join(folder, "capture"), join(folder, ".s.PGSQL.5432")];
      const relay = await startRelay([`--capture=${file}`, path, server.path]);
      const psql = ["psql", "-h", folder, "-p", "5432", "-U", "postgres", "-X", "-A", "-t"];
      expect(await succeed([...psql, "-c", "SELECT 6 * 7", "postgres"])).toBe("42\n");
      expect(await relay.stop()).toBe(0);
      const queries = await tshark(file, "-Y", "pgsql.query", "-T", "fields", "-e", "pgsql.query");
      expect(queries).toBe("SELECT 6 * 7\n");
      expect(await tshark(file, "-Y", 'pgsql.type == "Data row"')).not.toBe("");
      expect(await tshark(file, "-Y", WRONG)).toBe("");
    });
  },
);

await describeParts("a capture of Redis", ["tshark", "redis-server", "redis-cli"], () => {
  test("between two Unix sockets is Redis to tshark", async () => {
    await using resources = new AsyncDisposableStack();
    const folder = await temporaryFolder(resources);
    const server = await startRedis(folder, resources);
    const [file, path] = [join(folder, "capture"), join(folder, "source")];
    const relay = await startRelay([`--capture=${file}`, path, server.path]);
    const cli = ["redis-cli", "-s", path];
    expect(await succeed([...cli, "SET", "key", "value-1"])).toBe("OK\n");
    expect(await succeed([...cli, "GET", "key"])).toBe("value-1\n");
    expect(await relay.stop()).toBe(0);
    const strings = await tshark(
      file,
      "-Y",
      "resp",
      "-T",
      "fields",
      "-e",
      "resp.bulk_string.value",
    );
    const hex = (text: string) => Buffer.from(text).toString("hex");
    expect(strings.split("\n")).toContain(`${hex("SET")},${hex("key")},${hex("value-1")}`);
    expect(await tshark(file, "-Y", WRONG)).toBe("");
  });
});

await describeNeeding("captures", [program("tshark")], () => {
  const resources = sharedResources();
  let folder: string;
  beforeAll(async () => void (folder = await temporaryFolder(resources)));

  describe.each(["1", "3"])("with %s workers", (workers) => {
    test("1,000 random connections: nothing is missing, doubled or out of order", async () => {
      const file = join(folder, `random-${workers}`);
      const ends = { path: join(folder, `source-${workers}`), to: join(folder, `to-${workers}`) };
      using listener = new RawListener({ kind: "unix", path: ends.to });
      const relay = await startRelay([
        `--capture=${file}`,
        `--workers=${workers}`,
        ends.path,
        ends.to,
      ]);
      const seed = Math.floor(Math.random() * 2 ** 31);
      console.log(`capture: seed ${seed}`);
      const dice = new Dice(seed);
      let left = 1_000;
      const served: Promise<void>[] = [];
      const serve = async (server: RawSocket) => {
        using _server = server;
        await server.readToEnd(60_000);
        await server.pour(new Payload(dice.between(0, 60_000)));
      };
      const clients = Array.from({ length: 20 }, async () => {
        while ((left -= 1) >= 0) {
          using client = await RawSocket.connect({ kind: "unix", path: ends.path });
          await client.pour(new Payload(dice.between(0, 60_000)));
          if (dice.chance(0.1)) continue;
          client.halfClose();
          if (dice.chance(0.1)) continue;
          await client.readToEnd(60_000);
        }
      });
      const accepting = (async () => {
        for (let index = 0; index < 1_000; index += 1)
          served.push(serve(await listener.accept(60_000)).catch(() => {}));
      })();
      await Promise.all([...clients, accepting]);
      await Promise.all(served);
      expect(await relay.stop()).toBe(0);
      expect(await tshark(file, "-Y", WRONG)).toBe("");
      const streams = await tshark(
        file,
        "-Y",
        "tcp.flags == 0x002",
        "-T",
        "fields",
        "-e",
        "tcp.stream",
      );
      expect(new Set(streams.trim().split("\n")).size).toBe(1_000);
      expect(await streamsWithBothEnds(file)).toBe(1_000);
    });
  });

  test("follow gives the payload of both ways, byte for byte", async () => {
    const [file, path] = [join(folder, "follow"), join(folder, "follow-source")];
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const { endpoint } = listener;
    const to = endpoint.kind === "tcp" ? `127.0.0.1:${endpoint.port}` : "";
    const relay = await startRelay([`--capture=${file}`, path, to]);
    using client = await RawSocket.connect({ kind: "unix", path });
    using server = await listener.accept();
    const [up, down] = [new Payload(700_000), new Payload(300_000, 2)];
    const sending = Promise.all([client.pour(up), server.pour(down)]);
    expect(await server.read(up.length)).toEqual(up.received());
    expect(await client.read(down.length)).toEqual(down.received());
    await sending;
    client.halfClose();
    server.reset();
    await client.readToEnd();
    expect(await relay.stop()).toBe(0);
    const seen = await follow(file, 0);
    expect(Buffer.compare(seen.up, up.bytes)).toBe(0);
    expect(Buffer.compare(seen.down, down.bytes)).toBe(0);
    const ends = ["-T", "fields", "-e", "ip.src", "-e", "tcp.flags"];
    const closing = await tshark(file, "-Y", "tcp.flags.fin == 1 || tcp.flags.reset == 1", ...ends);
    expect(closing).toBe("10.0.0.1\t0x0011\n10.0.0.2\t0x0014\n");
  });

  test("standard input is captured, too", async () => {
    const [file, to] = [join(folder, "stdio"), join(folder, "stdio-to")];
    using listener = new RawListener({ kind: "unix", path: to });
    const child = Bun.spawn([await executablePath(), `--capture=${file}`, "-", to], {
      stdin: new Blob(["ping"]),
      stdout: "pipe",
      stderr: "ignore",
    });
    using server = await listener.accept();
    await server.readToEnd();
    server.trySend(Buffer.from("pong"));
    server.close();
    expect(await child.exited).toBe(0);
    const { up, down } = await follow(file, 0);
    expect([up.toString(), down.toString()]).toEqual(["ping", "pong"]);
  });

  test.each(["1", "3"])("a handover begins a new file: %s workers", async (workers) => {
    const name = join(folder, `handover-${workers}`);
    const [file, path, to] = [name, `${name}-source`, `${name}-to`];
    using listener = new RawListener({ kind: "unix", path: to });
    const options = [`--capture=${file}`, `--workers=${workers}`];
    const relay = await startRelay([...options, path, to]);
    const talk = async (word: string) => {
      using client = await RawSocket.connect({ kind: "unix", path });
      client.trySend(Buffer.from(word));
      using server = await listener.accept();
      await server.read(word.length);
    };
    await talk("before");
    // Another process may not take the file, before and after the handover.
    const refused = async () => {
      const { code, stderr } = await runRelay([`--capture=${file}`, join(folder, "other"), to]);
      expect(stderr).toContain(
        `cannot capture into ${file}: another relay captures into this file`,
      );
      expect(code).toBe(1);
    };
    await refused();
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    await refused();
    await talk("after");
    expect(await relay.stop()).toBe(0);
    expect((await follow(file, 0)).up.toString()).toBe("after");
    expect((await follow(`${file}.1`, 0)).up.toString()).toBe("before");
  });

  test("only the last two files are kept, and packets are cut", async () => {
    const [file, path] = [join(folder, "turns"), join(folder, "turns-source")];
    using listener = new RawListener({ kind: "unix", path: join(folder, "turns-to") });
    const options = [`--capture=${file}`, "--capture-max=200K", "--capture-bytes=1000"];
    const relay = await startRelay([...options, path, join(folder, "turns-to")]);
    using client = await RawSocket.connect({ kind: "unix", path });
    using server = await listener.accept();
    const payload = new Payload(20_000_000);
    const sending = client.pour(payload);
    expect(await server.read(payload.length)).toEqual(payload.received());
    await sending;
    expect(await relay.stop()).toBe(0);
    const files = (await readdir(folder)).filter((name) => /^turns(\.1)?$/.test(name));
    expect(files.sort()).toEqual(["turns", "turns.1"]);
    for (const name of files) {
      expect((await stat(join(folder, name))).size).toBeLessThanOrEqual(200 * 1024);
      const lengths = await tshark(join(folder, name), "-T", "fields", "-e", "frame.cap_len");
      for (const length of lengths.trim().split("\n"))
        expect(Number(length)).toBeLessThanOrEqual(1_000);
    }
  });
});

await describeNeeding("a full disk", [root, program("mount"), program("tshark")], () => {
  test.each(["1", "3"])(
    "ends the capture with one line, no connection: %s workers",
    async (workers) => {
      await using resources = new AsyncDisposableStack();
      const folder = await temporaryFolder(resources);
      const disk = join(folder, "disk");
      await mkdir(disk);
      await succeed(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk]);
      resources.defer(() => void Bun.spawnSync(["umount", "-l", disk]));
      const [file, path] = [join(disk, "capture"), join(folder, "source")];
      using listener = new RawListener({ kind: "unix", path: join(folder, "to") });
      const relay = await startRelay([
        ...[`--capture=${file}`, `--workers=${workers}`, `--admin=${join(folder, "admin")}`],
        ...[path, join(folder, "to")],
      ]);
      const payload = new Payload(3_000_000);
      for (let round = 0; round < 3; round += 1) {
        using client = await RawSocket.connect({ kind: "unix", path });
        using server = await listener.accept();
        const sending = client.pour(payload);
        expect(await server.read(payload.length)).toEqual(payload.received());
        await sending;
      }
      await relay.logged(
        /"level":"warn".*the capture .* has ended: no space left on device \(ENOSPC\)/,
      );
      const { stdout } = await runRelay(["status", join(folder, "admin")]);
      expect(stdout).toContain("\tno space left on device (ENOSPC)\t");
      expect(await relay.stop()).toBe(0);
      await relay.logEnded;
      expect([...relay.stderr().matchAll(/has ended/g)]).toHaveLength(1);
      // What is there can be read.
      expect(await tshark(file, "-Y", "tcp.flags.syn == 1")).not.toBe("");
    },
  );
});

/** How many conversations of a capture tshark sees end: by a reset, or in both directions. */
async function streamsWithBothEnds(file: string): Promise<number> {
  const fields = ["tcp.stream", "ip.src", "tcp.flags.reset"].flatMap((field) => ["-e", field]);
  const filter = "tcp.flags.fin == 1 || tcp.flags.reset == 1";
  const text = await tshark(file, "-Y", filter, "-T", "fields", ...fields);
  const ends = new Map<string, Set<string>>();
  for (const line of text.trim().split("\n")) {
    const [stream = "", from = "", reset = ""] = line.split("\t");
    const seen = ends.get(stream) ?? new Set();
    ends.set(stream, seen.add(/^(?:1|True)$/.test(reset) ? "reset" : from));
  }
  return [...ends.values()].filter((seen) => seen.has("reset") || seen.size === 2).length;
}
