import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
} from "node:fs";
import { readFileSync, rmSync, watch, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "../../package.json";
import { executablePath, runRelay, startRelay, turnedAway } from "../support/process/executable.ts";
import { entriesOf } from "../support/process/log-entries.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "command-line-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

// `docker stop` kills after this long, in milliseconds, and reports status 137.
const CONTAINER_PATIENCE = 10_000;

const PATH = process.env["PATH"] ?? "/usr/bin:/bin";

/** A run whose three standard streams are one terminal. */
class TerminalRun {
  output = "";
  readonly #child: Bun.Subprocess;
  #woken = Promise.withResolvers<void>();

  constructor(argv: readonly string[], env: Record<string, string>, cwd: string) {
    const decoder = new TextDecoder();
    this.#child = Bun.spawn([...argv], {
      env: { PATH, ...env },
      cwd,
      terminal: {
        data: (_, bytes) => {
          this.output += decoder.decode(bytes, { stream: true });
          this.#woken.resolve();
          this.#woken = Promise.withResolvers();
        },
      },
    });
  }

  /** Settles as soon as what it has written matches, colours aside. */
  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(Bun.stripANSI(this.output))) await this.#woken.promise;
  }

  stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    return this.#child.exited;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
    this.#child.terminal?.close();
  }
}

async function onTerminal(
  args: readonly string[],
  env: Record<string, string> = { TERM: "xterm" },
): Promise<TerminalRun> {
  return new TerminalRun([await executablePath(), ...args], env, folder);
}

/** A listener that sends back what it gets. */
function echo(): { readonly path: string } & Disposable {
  const path = join(folder, "echo");
  const listener = Bun.listen({
    unix: path,
    socket: { data: (socket, bytes) => void socket.write(bytes) },
  });
  return { path, [Symbol.dispose]: () => listener.stop(true) };
}

/** A client that knows what it was sent, and when it is over. */
async function connect(address: string) {
  let received = "";
  let woken = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const [host = "", port = ""] = address.split(":");
  const socket = {
    data(_: unknown, bytes: Uint8Array) {
      received += Buffer.from(bytes).toString();
      woken.resolve();
      woken = Promise.withResolvers();
    },
    close: () => closed.resolve(),
  };
  const client = address.includes("/")
    ? await Bun.connect({ unix: address, socket })
    : await Bun.connect({ hostname: host, port: Number(port), socket });
  return {
    client,
    closed: closed.promise,
    async answers(text: string) {
      received = "";
      client.write(text);
      while (received !== text) await woken.promise;
    },
  };
}

describe("what was only asked", () => {
  test.each([
    ...[[["--help"]], [["-h"]], [["demo", "--help"]], [["--help", ":1", ":2"]], [["help"]]],
    ...[[["help", "units"]], [["units", "--help"]], [["status", "-h"]]],
  ])("%j is a screen of help on standard output", async (args) => {
    const { code, stdout, stderr } = await runRelay(args);
    expect(stdout).toStartWith("Usage: simpletcpunixrelay ");
    expect(stdout).not.toContain("\u001b");
    expect(stdout.split("\n").length).toBeLessThanOrEqual(25);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });

  test.each(["--version", "-V", "version"])("%s is the version of package.json", async (word) => {
    const run = await runRelay([word]);
    expect(run).toEqual({ code: 0, stdout: `simpletcpunixrelay ${version}\n`, stderr: "" });
  });

  test("help relay explains each option, and has examples", async () => {
    const { code, stdout, stderr } = await runRelay(["help", "relay"]);
    expect(stdout).toMatch(/^ {2}--half-close-timeout=TIME\n {6}Ends a half-closed connection/m);
    expect(stdout).toContain("Examples:\n");
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });

  test("help that cannot be written is a failure", async () => {
    const prefix = ["sh", "-c", 'exec "$@" >/dev/full', "sh"];
    expect((await runRelay(["--help"], { prefix })).code).toBe(1);
  });

  test.each([
    ["a terminal", { TERM: "xterm" }, true],
    ["a terminal where NO_COLOR is set", { TERM: "xterm", NO_COLOR: "1" }, false],
    ["a terminal where NO_COLOR is empty", { TERM: "xterm", NO_COLOR: "" }, true],
    ["a terminal that shows none", { TERM: "dumb" }, false],
  ])("colour on %s: %#", async (_, env, coloured) => {
    using run = await onTerminal(["--help"], env);
    await run.shows(/--version +this help/);
    expect(run.output.includes("\u001b[")).toBe(coloured);
  });
});

test("neither .env nor bunfig.toml of the working folder is read", async () => {
  writeFileSync(join(folder, ".env"), "NO_COLOR=1\n");
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
  writeFileSync(
    join(folder, "preload.ts"),
    'require("node:fs").writeFileSync("preloaded", ""); throw new Error("preloaded");\n',
  );
  using run = await onTerminal(["--help"]);
  await run.shows(/--version +this help/);
  // Without colour, .env would have been read.
  expect(run.output).toContain("\u001b[");
  expect(readdirSync(folder)).not.toContain("preloaded");
});

describe("a relay's life", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "it relays until %s, and leaves nothing",
    async (signal) => {
      using server = echo();
      const path = join(folder, "source");
      await using relay = await startRelay([path, server.path]);
      const { answers, client, closed } = await connect(path);
      await answers("hello");
      client.end();
      await closed;
      expect(await relay.stop(signal)).toBe(0);
      expect(readdirSync(folder)).toEqual(["echo"]);
      // Whether it still has the connection to end when asked is chance.
      const events = entriesOf(relay.stderr()).map(({ event }) => event);
      expect(events.filter((event) => event !== "draining")).toEqual(["listening", "stopped"]);
    },
  );

  test("USR1 and USR2 do nothing: connections go on", async () => {
    using server = echo();
    await using relay = await startRelay(["127.0.0.1:0", server.path]);
    const { answers, client } = await connect(relay.address);
    await answers("before");
    for (const signal of ["SIGUSR1", "SIGUSR2"] as const) process.kill(relay.pid, signal);
    await answers("after");
    client.end();
    expect(await relay.stop()).toBe(0);
    // Whether it still has the connection to end when asked is chance.
    const events = entriesOf(relay.stderr()).map(({ event }) => event);
    expect(events.filter((event) => event !== "draining")).toEqual(["listening", "stopped"]);
  });

  test("asked to stop, it lets an open connection go on, and ends with it", async () => {
    using server = echo();
    await using relay = await startRelay(["--drain-timeout=1h", "127.0.0.1:0", server.path]);
    const { answers, client } = await connect(relay.address);
    await answers("before");
    const stopped = relay.stop();
    await relay.logged(/"event":"draining","open":1/);
    await answers("after");
    client.end();
    expect(await stopped).toBe(0);
  });

  test("asked again, it ends at once", async () => {
    using server = echo();
    await using relay = await startRelay(["--drain-timeout=1h", "127.0.0.1:0", server.path]);
    const { answers, closed } = await connect(relay.address);
    await answers("before");
    const stopped = relay.stop();
    await relay.logged(/"event":"draining"/);
    expect(await relay.stop("SIGINT")).toBe(0);
    expect(await stopped).toBe(0);
    await closed;
  });

  test("asked twice in one breath, it ends at once", async () => {
    using server = echo();
    await using relay = await startRelay(["--drain-timeout=1h", "127.0.0.1:0", server.path]);
    const { answers, closed } = await connect(relay.address);
    await answers("before");
    process.kill(relay.pid, "SIGTERM");
    process.kill(relay.pid, "SIGINT");
    expect(await relay.exited).toBe(0);
    await closed;
  });

  test("--drain-timeout ends what does not end", async () => {
    using server = echo();
    await using relay = await startRelay(["--drain-timeout=50ms", "127.0.0.1:0", server.path]);
    const { answers, closed } = await connect(relay.address);
    await answers("before");
    expect(await relay.stop()).toBe(0);
    await closed;
  });

  test("an open connection on which nothing moves is cut after 2 s of a stop", async () => {
    using server = echo();
    await using relay = await startRelay(["127.0.0.1:0", server.path]);
    const { answers, closed } = await connect(relay.address);
    await answers("before");
    const since = performance.now();
    expect(await relay.stop()).toBe(0);
    expect(performance.now() - since).toBeWithin(1_900, CONTAINER_PATIENCE);
    await closed;
    const last = entriesOf(relay.stderr()).at(-1);
    expect(last).toMatchObject({ event: "stopped", cause: "asked", cut: 1 });
  });

  test("connections on which bytes move are cut before a container runtime would kill", async () => {
    using server = echo();
    await using relay = await startRelay(["127.0.0.1:0", server.path]);
    const { answers, client, closed } = await connect(relay.address);
    await answers("before");
    const beat = setInterval(() => void client.write("beat"), 100);
    const since = performance.now();
    expect(await relay.stop()).toBe(0);
    clearInterval(beat);
    expect(performance.now() - since).toBeWithin(7_900, CONTAINER_PATIENCE);
    await closed;
    expect(entriesOf(relay.stderr()).at(-1)).toMatchObject({ event: "stopped", cut: 1 });
  });

  test("the source's file is as it was asked for", async () => {
    const path = join(folder, "source");
    const group = process.getgid?.() ?? 0;
    await using relay = await startRelay(["--mode=0620", `--group=${group}`, path, "127.0.0.1:9"]);
    const { mode, gid } = lstatSync(relay.address);
    expect(mode & 0o7777).toBe(0o620);
    expect(gid).toBe(group);
  });
});

describe("the warning that nothing is encrypted", () => {
  // 192.0.2.0/24 is for documentation (RFC 5737), and no client makes the relay connect to it.
  test.each([
    ["192.0.2.1:9", '"message":"192.0.2.1:9 is not loopback'],
    ["[2001:db8::1]:9", '"message":"[2001:db8::1]:9 is not loopback'],
  ])("is given once towards %s", async (destination, message) => {
    await using relay = await startRelay([join(folder, "source"), destination]);
    expect(await relay.stop()).toBe(0);
    expect(relay.stderr()).toContain(message);
    const warnings = entriesOf(relay.stderr()).filter(({ level }) => level === "warn");
    expect(warnings).toMatchObject([{ event: "not_loopback" }]);
  });

  test("is not given on loopback", async () => {
    await using relay = await startRelay(["127.0.0.1:0", "localhost:9"]);
    expect(await relay.stop()).toBe(0);
    expect(relay.stderr()).not.toContain('"warn"');
  });
});

describe("the log", () => {
  test.each([
    [
      "plain",
      /^\d{4}-\d\d-\d\dT[\d:.]+Z info {2}listening on (.+), relaying to 127\.0\.0\.1:9, \d+ at once at most \(limit of open files\)\n$/,
    ],
    [
      "journal",
      /^<6>listening on (.+), relaying to 127\.0\.0\.1:9, \d+ at once at most \(limit of open files\)\n$/,
    ],
    [
      "pretty",
      /^\d\d:\d\d:\d\d info {2}listening on (.+), relaying to 127\.0\.0\.1:9, \d+ at once at most \(limit of open files\)\n$/,
    ],
    [
      "auto",
      /^\d{4}-\d\d-\d\dT[\d:.]+Z info {2}listening on (.+), relaying to 127\.0\.0\.1:9, \d+ at once at most \(limit of open files\)\n$/,
    ],
  ])("in the format %s", async (format, line) => {
    await using relay = await startRelay([`--log-format=${format}`, "127.0.0.1:0", "127.0.0.1:9"]);
    const [, address] = line.exec(relay.stderr()) ?? [];
    expect(address).toBe(relay.address);
    expect(address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  });

  test("goes to the journal where standard error is the journal", async () => {
    const log = join(folder, "log");
    const fd = openSync(log, "a");
    try {
      const { dev, ino } = fstatSync(fd, { bigint: true });
      const child = Bun.spawn([await executablePath(), "./missing/source", "127.0.0.1:9"], {
        env: { PATH, JOURNAL_STREAM: `${dev}:${ino}` },
        cwd: folder,
        stderr: fd,
      });
      expect(await child.exited).toBe(1);
      expect(readFileSync(log, "utf8")).toMatch(/^<3>cannot listen on \.\/missing\/source: .*\n$/);
    } finally {
      closeSync(fd);
    }
  });

  test("is pretty on a terminal", async () => {
    using run = await onTerminal(["127.0.0.1:0", "127.0.0.1:9"]);
    await run.shows(/listening on .*\r\n/);
    expect(run.output).toContain("\u001b[");
    expect(Bun.stripANSI(run.output)).toMatch(/^\d\d:\d\d:\d\d info {2}listening on 127/);
    expect(await run.stop()).toBe(0);
  });

  test("at debug has a connection's course", async () => {
    using server = echo();
    await using relay = await startRelay(["--log-level=debug", "127.0.0.1:0", server.path]);
    const { answers, client, closed } = await connect(relay.address);
    await answers("hello");
    client.end();
    await closed;
    await relay.logged(/"event":"closed"/);
    const entries = entriesOf(relay.stderr()).filter(({ connection }) => connection === 1);
    expect(entries.map(({ event }) => event)).toEqual(
      expect.arrayContaining(["opened", "connected", "closed"]),
    );
    expect(entries.at(-1)).toMatchObject({ event: "closed", bytes_up: 5, bytes_down: 5 });
  });

  test("at error keeps quiet about a destination that is away", async () => {
    const source = join(folder, "source");
    await using child = await startQuietly(["--log-level=error", source, "./missing"]);
    await turnedAway({ unix: source });
    expect(await child.stop()).toBe(0);
    expect(child.log()).toBe("");
  });

  test("that nobody reads holds up no byte, and comes when somebody does", async () => {
    using server = echo();
    const source = join(folder, "source");
    const pipe = join(folder, "pipe");
    Bun.spawnSync(["mkfifo", pipe]);
    const reader = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    const filling = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    const writer = openSync(pipe, constants.O_WRONLY);
    try {
      const filled = fill(filling);
      await using child = await startQuietly(["--log-level=debug", source, server.path], writer);
      for (let round = 0; round < 20; round++) {
        const { answers, client, closed } = await connect(source);
        await answers("hello");
        client.end();
        await closed;
      }
      const log = await readPast(reader, filled, /connection 20: finished/);
      expect(log).toMatch(/^\S+ info {2}listening on /);
      expect(await child.stop()).toBe(0);
    } finally {
      for (const fd of [reader, filling, writer]) closeSync(fd);
    }
  });

  test("that is closed holds up no byte either", async () => {
    using server = echo();
    const source = join(folder, "source");
    const prefix = ["sh", "-c", 'exec "$@" 2>&-', "sh"];
    await using child = await startQuietly([source, server.path], "pipe", prefix);
    const { answers } = await connect(source);
    await answers("hello");
    expect(child.log()).toBe("");
  });
});

describe("demo", () => {
  test("shows both ways, fits 80 columns, and leaves nothing", async () => {
    const run = await runRelay(["demo"], { env: { TMPDIR: folder } });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toMatch(/sent through +request +upload +rate +sha256\n/);
    expect(run.stdout).toMatch(/the Unix socket +[\d.]+ ms +64\.0 MiB +\d+ MB\/s +same\n/);
    expect(run.stdout).toMatch(/the outer port +[\d.]+ ms +64\.0 MiB +\d+ MB\/s +same\n/);
    expect(run.stdout).toMatch(/relay {2}2 connections, 64\.0 MiB\n/);
    expect(run.stdout).toMatch(/relay {2}4 connections, 128\.0 MiB\n/);
    // As wide as a folder in /tmp makes it.
    const width = 80 - "/tmp".length + folder.length;
    for (const line of run.stdout.split("\n"))
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("--hold keeps it open for the curl lines that it shows, until TERM", async () => {
    using run = await onTerminal(["demo", "--hold"], { TERM: "xterm", TMPDIR: folder });
    await run.shows(/curl http:.*\r\n/);
    const shown = Bun.stripANSI(run.output);
    const [, path = ""] = /curl --unix-socket (\S+) http:\/\/localhost\//.exec(shown) ?? [];
    const [, url = ""] = /curl (http:\S+)/.exec(shown) ?? [];
    const answers = [await fetch("http://localhost/", { unix: path }), await fetch(url)];
    for (const answer of answers)
      expect(await answer.text()).toBe("Hello from behind the relay.\n");
    expect(await run.stop()).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a temporary folder that is none is a failure of one line", async () => {
    const run = await runRelay(["demo"], { env: { TMPDIR: join(folder, "x".repeat(120)) } });
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.stderr).toMatch(/^simpletcpunixrelay[^\n]+\n$/);
  });
});

/** A relay from a path in the folder, known to listen by its file and not by its log. */
async function startQuietly(
  args: readonly string[],
  stderr: number | "pipe" = "pipe",
  prefix: readonly string[] = [],
) {
  const path = await executablePath();
  const appeared = Promise.withResolvers<void>();
  const watcher = watch(folder, () => {
    if (readdirSync(folder).includes("source")) appeared.resolve();
  });
  const child = Bun.spawn([...prefix, path, ...args], { env: { PATH }, cwd: folder, stderr });
  let log = "";
  const read =
    child.stderr instanceof ReadableStream
      ? new Response(child.stderr).text().then((text) => void (log = text))
      : Promise.resolve();
  const ended = async () => {
    const [code] = await Promise.all([child.exited, read]);
    return code;
  };
  const died = ended().then((code) => {
    throw new Error(`the relay ended with ${code}: ${log}`);
  });
  await Promise.race([appeared.promise, died]);
  died.catch(() => {});
  watcher.close();
  return {
    log: () => log,
    stop: () => {
      child.kill("SIGTERM");
      return ended();
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended();
    },
  };
}

/** Writes to a non-blocking pipe until it takes no more; gives how much that was. */
function fill(fd: number): number {
  let bytes = 0;
  for (const size of [4096, 1]) {
    const piece = Buffer.alloc(size, "-");
    for (;;) {
      try {
        bytes += writeSync(fd, piece);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        break;
      }
    }
  }
  return bytes;
}

/** What comes out of a pipe behind its first `skip` bytes, until it matches. */
async function readPast(fd: number, skip: number, pattern: RegExp): Promise<string> {
  const reader = Bun.file(fd).stream().getReader();
  let text = "";
  while (!pattern.test(text)) {
    const { value, done } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString("latin1");
  }
  reader.releaseLock();
  return text.slice(skip);
}
