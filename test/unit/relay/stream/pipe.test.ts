import { describe, expect, spyOn, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { EAGAIN, ECONNRESET, EPIPE } from "../../../../src/os/errno.ts";
import { libc, type Libc } from "../../../../src/os/libc.ts";
import { BulkReader, LARGE } from "../../../../src/relay/stream/bulk-reader.ts";
import { Crowd } from "../../../../src/relay/stream/crowd-of-small-chunks.ts";
import type { KernelPipe } from "../../../../src/relay/stream/kernel-pipe.ts";
import { Pipe } from "../../../../src/relay/stream/pipe.ts";
import type { PipeState } from "../../../../src/relay/stream/pipe-states.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import type { FailedSocketBytes } from "../../../../src/relay/stream/unread-bytes-of-failed-socket.ts";
import { disposeAfterEach } from "../../../support/dispose-after-each.ts";
import { docstringTable } from "../../../support/docstring-table.ts";
import { socketPair } from "../../../support/sockets/socket-pair.ts";
import { must, system } from "../../../support/process/system-calls.ts";
import { until } from "../../../support/waiting.ts";

const KIB = 1024;

const memory = { isReached: false, changed() {} };

class Sender extends Side {
  readonly isTcp = false;
}

/** Takes bytes, as far as there is room. */
class Receiver extends Side {
  readonly isTcp = false;
  override ready = true;
  space = 0;
  refuses = false;
  readonly got: Uint8Array[] = [];

  get taken(): number {
    return this.got.reduce((sum, { length }) => sum + length, 0);
  }

  get text(): string {
    return Buffer.concat(this.got).toString("latin1");
  }

  override hasMuchRoom(): boolean {
    return this.space > 0;
  }

  override write(bytes: Uint8Array, length = bytes.length): number {
    return this.refuses ? -EPIPE : this.#take(bytes.subarray(0, length));
  }

  override writeFrom(pipe: KernelPipe): number {
    return this.space === 0 ? -EAGAIN : this.#take(pipe.read(this.space));
  }

  #take(bytes: Uint8Array): number {
    const taken = bytes.slice(0, this.space);
    this.got.push(taken);
    this.space -= taken.length;
    return taken.length;
  }
}

/** A sender whose bytes Bun reads and gives to `received`; `pair.one` is the sender's peer. */
async function readByBun(received: (chunk: Uint8Array) => void, shared?: BulkReader) {
  if (libc === null) throw new Error("this test needs the C library through bun:ffi");
  const bulk = shared ?? new BulkReader(libc);
  bulk.join();
  const from = new Sender();
  const pair = socketPair();
  const socket = await Bun.connect({
    // Bun closes what it is given.
    fd: libc.duplicate(pair.other),
    data: from,
    socket: {
      binaryType: "uint8array",
      open: (opened) => from.attach(opened),
      data: (_, chunk) => received(chunk),
    },
  });
  return {
    ...{ bulk, from },
    say: (text: string) => must("send", system.send(pair.one, Buffer.from(text))),
    end: () => must("shutdown", system.shutdown(pair.one, 1)),
    send: (length: number) => must("send", system.send(pair.one, new Uint8Array(length))),
    [Symbol.dispose]() {
      bulk.leave();
      socket.terminate();
      pair[Symbol.dispose]();
    },
  };
}

test("a large chunk that its receiver does not take whole is followed by reads of the pipe's own", async () => {
  const first = Promise.withResolvers<number>();
  let chunks = 0;
  using sender = await readByBun((chunk) => {
    chunks += 1;
    pipe.receive(chunk);
    first.resolve(chunk.length);
  });
  const { bulk, from } = sender;
  const to = new Receiver();
  const pipe = new Pipe(from, to, { bulk, memory });
  to.space = 10 * KIB;
  sender.send(100 * KIB);
  expect(await first.promise).toBe(100 * KIB);
  expect(pipe.held).toBe(90 * KIB);

  sender.send(50 * KIB);
  to.space = Infinity;
  pipe.advance();
  expect({ taken: to.taken, chunks }).toEqual({ taken: 150 * KIB, chunks: 1 });
  pipe.break();
});

test("an own read whose bytes fill the memory holds them, and waits for room", async () => {
  const first = Promise.withResolvers<void>();
  using sender = await readByBun((chunk) => {
    // More comes before the pipe has passed the chunk on.
    if (pipe.bytesRead === 0) sender.send(50 * KIB);
    to.space = chunk.length;
    try {
      pipe.receive(chunk);
      first.resolve();
    } catch (error) {
      first.reject(error);
    }
  });
  const { bulk, from } = sender;
  from.ready = true;
  const to = new Receiver();
  // The account tells all pipes at once if the memory is full, also the one that just read.
  const full = { isReached: false, changed: (bytes: number) => bytes > 0 && pipe.memoryFull() };
  const pipe = new Pipe(from, to, { bulk, memory: full });
  sender.send(100 * KIB);
  await first.promise;
  expect(pipe).toMatchObject({ bytesRead: 150 * KIB, held: 50 * KIB, isPaused: true });

  to.space = Infinity;
  pipe.advance();
  expect(to.taken).toBe(150 * KIB);
  pipe.break();
});

/** A pipe to a receiver that takes `space` bytes. */
function pipeTo(space: number) {
  const to = new Receiver();
  to.space = space;
  return { pipe: new Pipe(new Sender(), to, { bulk: null, memory }), to };
}

describe("the memory of a large chunk is free at once, without the garbage collector", () => {
  test("if the receiver took the chunk", () => {
    const { pipe, to } = pipeTo(Infinity);
    const chunk = new Uint8Array(64 * KIB);
    pipe.receive(chunk);
    expect({ left: chunk.length, taken: to.taken }).toEqual({ left: 0, taken: 64 * KIB });
    expect(pipe.bytesRead).toBe(64 * KIB);
  });

  test("if the receiver took most of the chunk: only the rest is held", () => {
    const { pipe, to } = pipeTo(60 * KIB);
    const chunk = new Uint8Array(64 * KIB);
    pipe.receive(chunk);
    expect({ left: chunk.length, held: pipe.held }).toEqual({ left: 0, held: 4 * KIB });
    to.space = Infinity;
    pipe.advance();
    expect({ taken: to.taken, held: pipe.held }).toEqual({ taken: 64 * KIB, held: 0 });
  });

  test("if the receiver takes nothing any more", () => {
    const { pipe } = pipeTo(0);
    pipe.break();
    const chunk = new Uint8Array(64 * KIB);
    pipe.receive(chunk);
    expect({ left: chunk.length, dropped: pipe.dropped }).toEqual({ left: 0, dropped: 64 * KIB });
  });

  test("but not if the receiver took little: the chunk itself is held", () => {
    const { pipe, to } = pipeTo(4 * KIB);
    const chunk = new Uint8Array(64 * KIB);
    pipe.receive(chunk);
    expect({ left: chunk.length, held: pipe.held }).toEqual({ left: 64 * KIB, held: 60 * KIB });
    to.space = Infinity;
    pipe.advance();
    expect(to.taken).toBe(64 * KIB);
  });

  test("but not if the chunk is a part of a buffer that may have other users", () => {
    const { pipe } = pipeTo(Infinity);
    const buffer = new Uint8Array(64 * KIB);
    pipe.receive(buffer.subarray(1));
    expect(buffer.length).toBe(64 * KIB);
  });
});

describe("in the crowd", () => {
  const kept = disposeAfterEach();

  /** A bulk reader whose watch works. */
  async function provenBulk(changes: Partial<Libc> = {}): Promise<BulkReader> {
    if (libc === null) throw new Error("this test needs the C library through bun:ffi");
    const bulk = new BulkReader({ ...libc, ...changes });
    bulk.join();
    kept({ [Symbol.dispose]: () => bulk.leave() });
    using pair = socketPair();
    const waiter = { bytesCame() {} };
    await until(() => bulk.arrivals.watch(pair.other, waiter), "a watch that works");
    bulk.arrivals.forget(pair.other, waiter);
    return bulk;
  }

  /** Pipes that joined at the chunk "0", with a receiver that has room for `space` bytes more. */
  async function joined(bulk: BulkReader, space = Infinity) {
    using joins = spyOn(Crowd.prototype, "chunkPassed").mockReturnValue(true);
    const chunks: string[] = [];
    const sender = await readByBun((chunk) => {
      chunks.push(Buffer.from(chunk).toString());
      pipe.receive(chunk);
    }, bulk);
    const { from } = sender;
    from.ready = true;
    const to = new Receiver();
    const pipe = new Pipe(from, to, { bulk, memory });
    kept({
      [Symbol.dispose]() {
        pipe.break();
        sender[Symbol.dispose]();
      },
    });
    to.space = 1 + space;
    sender.say("0");
    await until(() => to.taken === 1, "the first chunk");
    expect(joins).toHaveBeenCalledTimes(1);
    expect([pipe.isPaused, isWatched(from.fd)]).toEqual([true, true]);
    return { ...{ pipe, from, to, chunks }, ...sender };
  }

  test("a small chunk is passed on, without Bun", async () => {
    const { to, pipe, from, say, chunks } = await joined(await provenBulk());
    for (const text of ["one", "two"]) {
      say(text);
      await until(() => to.text.endsWith(text), "the chunk");
    }
    expect({ chunks, read: pipe.bytesRead }).toEqual({ chunks: ["0"], read: 7 });
    expect(to.text).toBe("0onetwo");
    pipe.readInCrowd();
    expect([pipe.isPaused, isWatched(from.fd)]).toEqual([true, true]);
  });

  test("what has no room is held, survives the reads of others, and goes out before all later bytes", async () => {
    const bulk = await provenBulk();
    const [full, other] = [await joined(bulk, 1), await joined(bulk)];
    full.say("abcd");
    await until(() => full.pipe.held === 3, "the rest");
    expect(isWatched(full.from.fd)).toBe(false);
    full.say("ef");
    other.say("XXXXXX");
    await until(() => other.to.taken === 7, "the bytes of the other");
    expect({ text: full.to.text, read: full.pipe.bytesRead }).toEqual({ text: "0a", read: 5 });
    full.to.space = Infinity;
    full.pipe.advance();
    await until(() => full.to.taken === 7, "the later bytes");
    expect(full.to.text).toBe("0abcdef");
  });

  test.each([LARGE, LARGE + 30 * KIB])("%d bytes at once go on as bulk", async (length) => {
    const { to, from, pipe, send, say, chunks } = await joined(await provenBulk());
    using reads = spyOn(pipe, "readInCrowd");
    using turns = spyOn(pipe, "takeTurn");
    send(length);
    await until(() => to.taken === 1 + length && !pipe.isPaused, "the bytes");
    expect(reads).toHaveBeenCalledTimes(1);
    expect(turns).toHaveBeenCalled();
    expect(isWatched(from.fd)).toBe(false);
    say("1");
    await until(() => to.text.endsWith("1"), "the chunk");
    expect(chunks).toEqual(["0", "1"]);
  });

  test("less than 64 KiB stays in the crowd", async () => {
    const { to, from, send } = await joined(await provenBulk());
    send(LARGE - 1);
    await until(() => to.taken === LARGE, "the bytes");
    expect(isWatched(from.fd)).toBe(true);
  });

  type Joined = Awaited<ReturnType<typeof joined>>;
  const remains = () => {
    const left = {
      bytes: 3,
      read() {
        left.bytes = 0;
        return new Uint8Array(3);
      },
      close() {},
    };
    return left as unknown as FailedSocketBytes;
  };

  test("the end of the stream is left to Bun", async () => {
    const { from, pipe, end } = await joined(await provenBulk());
    end();
    await until(() => !pipe.isPaused, "the end");
    expect({ isWatched: isWatched(from.fd), errno: from.errno }).toEqual({
      isWatched: false,
      errno: 0,
    });
  });

  test("a failure of the sender is noted, and left to Bun", async () => {
    const bulk = await provenBulk({ receive: () => -ECONNRESET });
    const { from, pipe, say } = await joined(bulk);
    say("1");
    await until(() => from.errno === ECONNRESET, "the failure");
    expect([pipe.isPaused, isWatched(from.fd)]).toEqual([false, false]);
  });

  test("a receiver that refuses breaks the pipe, and the bytes count as dropped", async () => {
    const { from, pipe, to, say } = await joined(await provenBulk());
    to.refuses = true;
    say("123");
    await until(() => pipe.state === "broken", "the refusal");
    expect([pipe.isPaused, isWatched(from.fd)]).toEqual([false, false]);
    expect(pipe).toMatchObject({ bytesRead: 4, dropped: 3, held: 0 });
  });

  test.each<[string, (joined: Joined) => void, boolean]>([
    ["full memory", ({ pipe }) => pipe.memoryFull(), true],
    ["an end that Bun saw", ({ pipe }) => pipe.end(), false],
    ["an abort", ({ pipe }) => pipe.abort(), false],
    ["a break", ({ pipe }) => pipe.break(), false],
    ["what a failed sender left", ({ pipe }) => pipe.inherit(remains()), false],
  ])("%s gives the registration back", async (_, act, isPaused) => {
    const made = await joined(await provenBulk());
    act(made);
    expect([made.pipe.isPaused, isWatched(made.from.fd)]).toEqual([isPaused, false]);
  });

  test("what a failed sender left follows the bytes of the crowd", async () => {
    const { pipe, to, say } = await joined(await provenBulk(), 1);
    say("ab");
    await until(() => pipe.held === 1, "the rest");
    pipe.inherit(remains());
    expect(pipe.pending).toBe(4);
    to.space = Infinity;
    pipe.abort();
    pipe.advance();
    expect({ text: to.text, pending: pipe.pending }).toEqual({ text: "0ab\0\0\0", pending: 0 });
  });

  test("who reads after the crowd is over leaves it", async () => {
    const bulk = await provenBulk();
    const { from, pipe, to, say, chunks } = await joined(bulk);
    Object.defineProperty(bulk, "isCrowdOver", { value: true });
    say("1");
    await until(() => to.text === "01", "the chunk");
    expect([pipe.isPaused, isWatched(from.fd)]).toEqual([false, false]);
    say("2");
    await until(() => to.text === "012", "the chunk");
    expect(chunks).toEqual(["0", "2"]);
  });
});

/** Whether the relay's own epoll instance has the descriptor: its data is the number itself. */
function isWatched(fd: number): boolean {
  return readdirSync("/proc/self/fdinfo").some((of) => {
    const found = epollTable(of).matchAll(/^tfd: +(\d+) events: +\w+ data: +([0-9a-f]+) /gm);
    return [...found].some(([, of, data]) => Number(of) === fd && parseInt(data ?? "", 16) === fd);
  });
}

function epollTable(fd: string): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  } catch {
    // The descriptor with which the folder was read.
    return "";
  }
}

type PipeEvent = "end" | "abort" | "all written" | "break";

/** A pipe in a state, and the events by which it gets into others. */
function pipeIn(state: PipeState) {
  const to = new Receiver();
  const pipe = new Pipe(new Sender(), to, { bulk: null, memory });
  const events: Readonly<Record<PipeEvent, () => void>> = {
    end: () => pipe.end(),
    abort: () => pipe.abort(),
    "all written": () => {
      to.space = Infinity;
      pipe.advance();
    },
    break: () => pipe.break(),
  };
  const routes: Readonly<Record<PipeState, readonly PipeEvent[]>> = {
    flowing: [],
    ending: ["end"],
    ended: ["end", "all written"],
    aborting: ["abort"],
    broken: ["break"],
  };
  // A byte that is held, without which an end is passed on at once.
  pipe.receive(new Uint8Array(1));
  for (const event of routes[state]) events[event]();
  expect(pipe.state).toBe(state);
  return { pipe, events };
}

describe("by the table of the docstring", () => {
  const cells = docstringTable("relay/stream/pipe-states.ts");

  test("every state and every event is there", () => {
    expect(cells).toHaveLength(5 * 4);
  });

  test.each(cells)("$state, $event: $after", ({ state, event, after }) => {
    const { pipe, events } = pipeIn(state as PipeState);
    events[event as PipeEvent]();
    expect(pipe.state as string).toBe(after);
  });
});

test.each([true, false])(
  "a receiver that refuses is told apart from one that only stopped reading: %p",
  async (readsNoMore) => {
    class Refusing extends Receiver {
      override refuses = true;
      override get readsNoMore(): boolean {
        return readsNoMore;
      }
    }
    const [from, to] = [new Sender(), new Refusing()];
    const told = [spyOn(to, "onlyShutReading"), spyOn(from, "shutReading")];
    new Pipe(from, to, { bulk: null, memory }).receive(new Uint8Array(1));
    await new Promise(setImmediate);
    for (const call of told) expect(call).toHaveBeenCalledTimes(readsNoMore ? 1 : 0);
  },
);
