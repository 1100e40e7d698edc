import { beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeNeeding, program, root } from "../support/machine/parts.ts";
import {
  executablePath,
  type RunningRelay,
  runRelay,
  startRelay,
  turnedAway,
} from "../support/process/executable.ts";
import { entriesOf } from "../support/process/log-entries.ts";
import { connectEcho, startEcho } from "../support/sockets/echo.ts";
import { until } from "../support/waiting.ts";
import { folderForTests } from "../support/temporary-folder.ts";

setDefaultTimeout(60_000);

const EXAMPLE = join(import.meta.dir, "../../src/config/example.toml");

const folder = folderForTests("config");
let file: string;

beforeAll(() => {
  file = join(folder, "relays.toml");
});
beforeEach(() => rmSync(file, { force: true }));

function write(...lines: readonly string[]): void {
  writeFileSync(file, `${lines.join("\n")}\n`);
}

function relay(name: string, source: string, destination: string, ...rest: readonly string[]) {
  return [`[relay.${name}]`, `source = "${source}"`, `destination = "${destination}"`, ...rest];
}

/** The relays that have lines of one event, by their names in order. */
function relaysOf(log: string, event: string): string[] {
  return entriesOf(log, event)
    .map((line) => String(line["relay"]))
    .sort();
}

/** Settles when so many relays of a process listen. */
async function allListen(running: RunningRelay, count: number): Promise<void> {
  const listening = () => entriesOf(running.stderr(), "listening").length;
  await until(
    () => listening() === count,
    () => `${listening()} of ${count} relays`,
  );
}

/** Starts the relays of the file; gives where each listens, by its name. */
async function startFile(count: number, ...args: readonly string[]) {
  const running = await startRelay([`--config=${file}`, ...args]);
  await allListen(running, count);
  const sources = entriesOf(running.stderr(), "listening").map(
    (line) => [String(line["relay"]), String(line["source"])] as const,
  );
  return { running, sources: new Map(sources) };
}

/**
 * Starts a relay that gets a listening socket as systemd passes one. Returns its first log lines.
 */
async function firstLinesWithSocket(options: string, until: RegExp): Promise<string> {
  using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  if (!("fd" in listener) || typeof listener.fd !== "number") throw new Error("no descriptor");
  const script = `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" ${options} systemd 127.0.0.1:9`;
  const child = Bun.spawn(["sh", "-c", script, await executablePath()], {
    stdio: ["ignore", "ignore", "pipe", listener.fd],
  });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stderr) {
    text += decoder.decode(chunk, { stream: true });
    if (until.test(text)) break;
  }
  child.kill("SIGKILL");
  await child.exited;
  return text;
}

describe("an idle time that is too short for a .socket unit", () => {
  const WARNING = /exit-idle-time is 500ms: .*TriggerLimitBurst=.*use 1s or more/;

  test("is told of by check", async () => {
    write(`exit-idle-time = "500ms"\n[relay.a]\nsource = "./a"\ndestination = "./b"\n`);
    const { code, stdout, stderr } = await runRelay(["check", file]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${file}: 1 relay\n` });
    expect(stderr).toStartWith(`${file}: warning: `);
    expect(stderr).toMatch(WARNING);
    write(`exit-idle-time = "1s"\n[relay.a]\nsource = "./a"\ndestination = "./b"\n`);
    expect((await runRelay(["check", file])).stderr).toBe("");
  });

  test("is told of at a start with a passed socket", async () => {
    expect(await firstLinesWithSocket("--exit-idle-time=500ms", WARNING)).toMatch(WARNING);
    const long = await firstLinesWithSocket("--exit-idle-time=1s", /stopped/);
    expect(long).not.toContain("TriggerLimitBurst=");
  });
});

describe("check", () => {
  test("counts the relays of a file, and opens no socket", async () => {
    const path = join(folder, "unopened");
    write(...relay("a", path, "@a"), ...relay("b", ":80", "@b"));
    expect(await runRelay(["check", file])).toEqual({
      code: 0,
      stdout: `${file}: 2 relays\n`,
      stderr: "",
    });
    expect(existsSync(path)).toBe(false);
  });

  test("tells every mistake of a wrong one, with status 78", async () => {
    write("worker = 2", ...relay("a", "nonsense", "@a", "backlog = -1"));
    const { code, stdout, stderr } = await runRelay(["check", file]);
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
    expect(stderr.split("\n")).toEqual([
      `${file}:1:1: worker: there is no such key; did you mean workers?`,
      expect.stringContaining(`${file}:3:10: relay.a.source: "nonsense": neither a path`),
      `${file}:5:11: relay.a.backlog: -1 is not a number from 0 to 2147483647`,
      "",
    ]);
  });

  test("tells what it could not read", async () => {
    expect(await runRelay(["check", file])).toEqual({
      code: 78,
      stdout: "",
      stderr: `${file}: cannot be read: no such file or directory\n`,
    });
    expect(await runRelay(["check", folder])).toMatchObject({
      code: 78,
      stderr: `${folder}: cannot be read: illegal operation on a directory\n`,
    });
    expect((await runRelay(["check", "-"])).stderr).toBe(
      "-: cannot be read: no such file or directory; for standard input write /dev/stdin\n",
    );
    writeFileSync(file, new Uint8Array([0x23, 0xff]));
    expect(await runRelay(["check", file])).toMatchObject({
      code: 78,
      stderr: `${file}: cannot be read: it is not UTF-8\n`,
    });
  });
});

describe("--config", () => {
  test("runs every relay of the file, each to its own destination", async () => {
    using one = startEcho();
    using other = startEcho(join(folder, "other"));
    const source = join(folder, "source");
    write(
      ...relay("one", source, one.address, 'mode = "0600"'),
      ...relay("two", "127.0.0.1:0", other.address),
    );
    const { running, sources } = await startFile(2);
    await using _running = running;
    expect([...sources.keys()].sort()).toEqual(["one", "two"]);
    using clients = new DisposableStack();
    for (const address of sources.values())
      await clients.use(await connectEcho(address)).ask("hello");
    expect({ one: one.open, other: other.open }).toEqual({ one: 1, other: 1 });
    clients.dispose();
    expect(await running.stop()).toBe(0);
    expect(existsSync(source)).toBe(false);
    expect(relaysOf(running.stderr(), "stopped")).toEqual(["one", "two"]);
  });

  test("of a wrong file starts nothing, tells every mistake and ends with 78", async () => {
    const source = join(folder, "never");
    write(...relay("a", source, "@a"), ...relay("b", source, "@b", 'idle-timeout = "5m"'));
    const { code, stderr } = await runRelay([`--config=${file}`]);
    expect(code).toBe(78);
    expect(stderr.split("\n")).toHaveLength(3);
    expect(existsSync(source)).toBe(false);
  });

  test("starts all relays or none: what is wrong with one is told with its name", async () => {
    using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const source = join(folder, "source");
    write(...relay("good", source, "@a"), ...relay("bad", `127.0.0.1:${taken.port}`, "@b"));
    const { code, stderr } = await runRelay([`--config=${file}`, "--log-format=json"]);
    expect(code).toBe(1);
    expect(entriesOf(stderr, "failed")).toMatchObject([
      { relay: "bad", address: `127.0.0.1:${taken.port}`, code: "EADDRINUSE" },
    ]);
    expect(existsSync(source)).toBe(false);
  });

  test("names the relay in the words of a line as well", async () => {
    write('log-format = "plain"', ...relay("web", "127.0.0.1:0", join(folder, "absent")));
    await using running = await startRelay([`--config=${file}`, "--log-format=plain"]);
    expect(running.stderr()).toContain(" info  web: listening on 127.0.0.1:");
  });

  test("leaves options of the process to the command line, in place of the file's", async () => {
    write('log-level = "error"', ...relay("web", "127.0.0.1:0", "@a"));
    const { running } = await startFile(1, "--log-level=debug");
    await using _running = running;
    expect(running.stderr()).toContain('"event":"listening"');
  });

  test.each<[string[], string]>([
    [["--mode=0660"], "--mode concerns one relay: write mode into the file"],
    [["--idle-timeout=5s"], "--idle-timeout concerns one relay: write idle-timeout into the file"],
    [["--name=web"], "--name concerns one relay: its name in the file is [relay.NAME]"],
    [
      [":1", "@b"],
      '":1" is one argument too many for a relay with --config: the file has the addresses',
    ],
  ])("beside %j is a usage error", async (args, message) => {
    write(...relay("web", "127.0.0.1:0", "@a"));
    const { code, stderr } = await runRelay([`--config=${file}`, ...args]);
    expect({ code, line: stderr.split("\n")[0] }).toEqual({
      code: 64,
      line: `simpletcpunixrelay: ${message}`,
    });
  });
});

test("--name names the relay of a command line in its log lines", async () => {
  await using running = await startRelay(["--name=web", "127.0.0.1:0", "@absent"]);
  expect(entriesOf(running.stderr(), "listening")).toMatchObject([
    { relay: "web", message: expect.stringMatching(/^web: listening on /) },
  ]);
});

describe("a relay whose destination is down or whose places are taken", () => {
  test.each([1, 3])("touches no other one: %i threads", async (workers) => {
    using echo = startEcho();
    write(
      `workers = ${workers}`,
      ...relay("good", "127.0.0.1:0", echo.address),
      ...relay("down", "127.0.0.1:0", join(folder, "absent")),
      ...relay("full", "127.0.0.1:0", echo.address, "connections-max = 3"),
    );
    const { running, sources } = await startFile(3);
    await using _running = running;
    using clients = new DisposableStack();
    const connect = async (name: string) =>
      clients.use(await connectEcho(String(sources.get(name))));
    for (let index = 0; index < 3; index += 1) await (await connect("full")).ask("held");
    const waiting = await connect("full");
    const unanswered = waiting.ask("later");
    // It ends with the test.
    unanswered.catch(() => {});
    for (let index = 0; index < 20; index += 1) {
      const [hostname = "", port = ""] = String(sources.get("down")).split(":");
      await turnedAway({ hostname, port: Number(port) });
      await (await connect("good")).ask("hello");
    }
    expect(await Promise.race([unanswered.then(() => "served"), "waits"])).toBe("waits");
    clients.dispose();
    expect(await running.stop()).toBe(0);
    const failures = entriesOf(running.stderr(), "unreachable");
    expect(new Set(failures.map((line) => line["relay"]))).toEqual(new Set(["down"]));
  });
});

await describeNeeding("the example", [root, program("unshare"), program("ip")], () => {
  test("runs", async () => {
    const folders = [...readFileSync(EXAMPLE, "utf8").matchAll(/"(\/run\/[^"]+)"/g)].map(
      ([, path = ""]) => dirname(path),
    );
    const prefix = [
      ...["unshare", "--net", "--mount", "sh", "-c"],
      `ip link set lo up && mount -t tmpfs none /run && mkdir -p ${folders.join(" ")} && exec "$0" "$@"`,
    ];
    await using running = await startRelay([`--config=${EXAMPLE}`], { prefix });
    await allListen(running, 2);
    expect(relaysOf(running.stderr(), "listening")).toEqual(["database", "web"]);
    expect(await running.stop()).toBe(0);
  });
});
