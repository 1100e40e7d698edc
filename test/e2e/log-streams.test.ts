import { describe, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readdirSync,
  watch,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { executablePath, startRelay, turnedAway } from "../support/process/executable.ts";
import { entriesOf } from "../support/process/log-entries.ts";
import { onTerminal } from "../support/process/terminal-run.ts";
import { connectText, echoIn } from "../support/sockets/text-client.ts";
import { folderForEachTest } from "../support/temporary-folder.ts";

let folder: string;
folderForEachTest("log-streams", (path) => void (folder = path));

const PATH = process.env["PATH"] ?? "/usr/bin:/bin";

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
    using run = await onTerminal(folder, ["127.0.0.1:0", "127.0.0.1:9"]);
    await run.shows(/listening on .*\r\n/);
    expect(run.output).toContain("\u001b[");
    expect(Bun.stripANSI(run.output)).toMatch(/^\d\d:\d\d:\d\d info {2}listening on 127/);
    expect(await run.stop()).toBe(0);
  });

  test("at debug has a connection's course", async () => {
    using server = echoIn(folder);
    await using relay = await startRelay(["--log-level=debug", "127.0.0.1:0", server.path]);
    const { answers, client, closed } = await connectText(relay.address);
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
    using server = echoIn(folder);
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
        const { answers, client, closed } = await connectText(source);
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
    using server = echoIn(folder);
    const source = join(folder, "source");
    const prefix = ["sh", "-c", 'exec "$@" 2>&-', "sh"];
    await using child = await startQuietly([source, server.path], "pipe", prefix);
    const { answers } = await connectText(source);
    await answers("hello");
    expect(child.log()).toBe("");
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
