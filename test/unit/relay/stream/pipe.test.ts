import { describe, expect, test } from "bun:test";
import { EAGAIN } from "../../../../src/os/errno.ts";
import { libc } from "../../../../src/os/libc.ts";
import { BulkReader } from "../../../../src/relay/stream/bulk-reader.ts";
import type { KernelPipe } from "../../../../src/relay/stream/kernel-pipe.ts";
import { Pipe } from "../../../../src/relay/stream/pipe.ts";
import type { PipeState } from "../../../../src/relay/stream/pipe-states.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import { docstringTable } from "../../../support/docstring-table.ts";
import { socketPair } from "../../../support/sockets/socket-pair.ts";
import { must, system } from "../../../support/process/system-calls.ts";

const KIB = 1024;

const memory = { isReached: false, changed() {} };

class Sender extends Side {
  readonly isTcp = false;
}

/** Counts what it takes, as far as there is room. */
class Receiver extends Side {
  readonly isTcp = false;
  override ready = true;
  space = 0;
  taken = 0;

  override write(bytes: Uint8Array): number {
    return this.#take(bytes.length);
  }

  override writeFrom(pipe: KernelPipe): number {
    return this.space === 0 ? -EAGAIN : this.#take(pipe.read(this.space).length);
  }

  #take(length: number): number {
    const taken = Math.min(length, this.space);
    this.taken += taken;
    this.space -= taken;
    return taken;
  }
}

/** A sender whose bytes Bun reads and gives to `received`; `pair.one` is the sender's peer. */
async function readByBun(received: (chunk: Uint8Array) => void) {
  if (libc === null) throw new Error("this test needs the C library through bun:ffi");
  const bulk = new BulkReader(libc);
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
