import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "bun";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BoundedLineWriter } from "../../../../src/observe/log/bounded-line-writer.ts";

let folder: string;
let path: string;
const open: number[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sink-"));
  path = join(folder, "pipe");
  spawnSync(["mkfifo", path]);
});

afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
  rmSync(folder, { recursive: true });
});

function openPipe(flags: number): number {
  const fd = openSync(path, flags);
  open.push(fd);
  return fd;
}

/** Takes everything out of the pipe, as often as something comes, until `done`. */
async function readUntil(fd: number, done: (text: string) => boolean): Promise<string> {
  const chunk = Buffer.alloc(256 * 1024);
  let text = "";
  while (!done(text)) {
    try {
      text += chunk.toString("latin1", 0, readSync(fd, chunk));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await new Promise(setImmediate);
    }
  }
  return text;
}

describe.each([
  ["a pipe", constants.O_RDWR],
  ["a pipe that somebody made non-blocking", constants.O_RDWR | constants.O_NONBLOCK],
])("%s that nobody reads", (_, flags) => {
  test("holds up nothing, loses what is over 1 MiB, and says how much", async () => {
    // The read end has to be there first, and must not wait for data.
    const reader = openPipe(constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openPipe(flags);
    const said: number[] = [];
    const sink: BoundedLineWriter = new BoundedLineWriter(writer, (lost) => {
      said.push(lost);
      sink.write(`lost ${lost}\n`);
    });
    const lines = 3_000;
    for (let index = 0; index < lines; index++) sink.write(`${"x".repeat(1_000)} ${index}\n`);
    const text = await readUntil(reader, (so_far) => /lost \d+\n/.test(so_far));
    const kept = text.split("\n").filter((line) => line.startsWith("x"));
    expect(said).toEqual([lines - kept.length]);
    expect(kept.length * 1_006).toBeWithin(1024 * 1024 - 2_000, 1024 * 1024 + 65_536);
    // What was kept is whole and in order.
    for (const [index, line] of kept.entries()) expect(line).toBe(`${"x".repeat(1_000)} ${index}`);
    await sink.flush(10_000);
    sink.write("after\n");
    expect(await readUntil(reader, (so_far) => so_far !== "")).toBe("after\n");
  });

  test("is waited for no longer than asked", async () => {
    const reader = openPipe(constants.O_RDONLY | constants.O_NONBLOCK);
    const sink = new BoundedLineWriter(openPipe(flags), () => {});
    for (let index = 0; index < 200; index++) sink.write("x".repeat(1_000));
    await sink.flush(10);
    // The thread that still writes must be done before the pipe goes.
    const text = await readUntil(reader, (so_far) => so_far.length === 200_000);
    expect(text).toBe("x".repeat(200_000));
    await sink.flush(10_000);
  });
});

test("is waited for longer if the process stood still meanwhile", async () => {
  const reader = openPipe(constants.O_RDONLY | constants.O_NONBLOCK);
  const sink = new BoundedLineWriter(openPipe(constants.O_RDWR), () => {});
  for (let index = 0; index < 200; index++) sink.write("x".repeat(1_000));
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  let hasBegun = false;
  void begun.then(() => (hasBegun = true));
  const flushed = sink.flush(200);
  setTimeout(() => {
    Bun.sleepSync(400);
    // The reader comes a moment after the standstill.
    setTimeout(begin, 20);
  }, 1);
  const reading = begun.then(() => readUntil(reader, (text) => text.length === 200_000));
  await flushed;
  expect(hasBegun).toBe(true);
  expect(await reading).toBe("x".repeat(200_000));
});

test("lines of one moment are written together and in order", async () => {
  const reader = openPipe(constants.O_RDONLY | constants.O_NONBLOCK);
  const sink = new BoundedLineWriter(openPipe(constants.O_RDWR), () => {});
  for (const line of ["a\n", "b\n", "c\n"]) sink.write(line);
  await sink.flush(10_000);
  expect(await readUntil(reader, (text) => text.length === 6)).toBe("a\nb\nc\n");
});

test("a descriptor that takes nothing loses lines and nothing else", async () => {
  const full = openSync("/dev/full", "w");
  open.push(full);
  const said: number[] = [];
  const sink = new BoundedLineWriter(full, (lost) => said.push(lost));
  sink.write("a\n");
  sink.write("b\n");
  await sink.flush(10_000);
  expect(said).toEqual([]);
});

test("a line that a failed write has cut gets an end, and counts as lost like the next", async () => {
  const first = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const told: [number, string | null][] = [];
  const sink = new BoundedLineWriter(
    openPipe(constants.O_WRONLY | constants.O_NONBLOCK),
    (...loss) => void told.push(loss),
  );
  for (const line of ["whole", "x".repeat(1_000_000), "third"]) sink.write(`${line}\n`);
  const start = await readUntil(first, (text) => text.includes("x"));
  closeSync(first);
  await sink.flush(10_000);
  const second = openPipe(constants.O_RDONLY | constants.O_NONBLOCK);
  sink.write("after\n");
  const rest = await readUntil(second, (text) => text.endsWith("after\n"));
  await sink.flush(10_000);
  const [whole, torn, ...others] = `${start}${rest}`.split("\n");
  expect(whole).toBe("whole");
  expect(torn).toMatch(/^x+$/);
  expect(torn?.length).toBeLessThan(1_000_000);
  expect(others).toEqual(["after", ""]);
  expect(told).toEqual([[2, "EPIPE"]]);
  expect(sink.lost).toBe(2);
});

test("a closed reader loses lines and nothing else", async () => {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openPipe(constants.O_WRONLY);
  closeSync(reader);
  const sink = new BoundedLineWriter(writer, () => {});
  sink.write("a\n");
  await sink.flush(10_000);
  sink.write("b\n");
  await sink.flush(10_000);
});

test("the bound counts bytes, also of characters beyond ASCII", async () => {
  const reader = openPipe(constants.O_RDONLY | constants.O_NONBLOCK);
  const sink = new BoundedLineWriter(openPipe(constants.O_RDWR), () => {}, 1_000);
  // Each line has 101 characters and 301 bytes.
  for (let index = 0; index < 10; index++) sink.write(`${"漢".repeat(100)}\n`);
  expect(sink.lost).toBe(7);
  await sink.flush(10_000);
  // `readUntil` reads each byte as one character.
  expect(await readUntil(reader, (text) => text.length === 903)).toEndWith("\n");
});
