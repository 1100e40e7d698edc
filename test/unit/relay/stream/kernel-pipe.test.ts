import { describe, expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { libc, type Libc } from "../../../../src/os/libc.ts";
import {
  KernelPipe,
  KernelPipes,
  kernelPipesMost,
} from "../../../../src/relay/stream/kernel-pipe.ts";
import { EAGAIN, EMFILE } from "../../../../src/os/errno.ts";
import { socketPair } from "../../../support/sockets/socket-pair.ts";
import { must, system } from "../../../support/process/system-calls.ts";

if (libc === null) throw new Error("these tests need the C library through bun:ffi");
const calls: Libc = libc;

describe("a kernel's pipe", () => {
  test("hands on what came, in order, and counts it", () => {
    using from = socketPair();
    using to = socketPair();
    const pipe = opened(KernelPipe.open(calls));
    const sent = new Uint8Array(100_000).map((_, index) => index % 251);
    must("send", system.send(from.one, sent));
    expect(pipe.fill(from.other, 60_000)).toBe(60_000);
    expect(pipe.bytes).toBe(60_000);
    expect(pipe.read(1_000)).toEqual(sent.slice(0, 1_000));
    while (pipe.bytes > 0) expect(pipe.drain(to.one)).toBeGreaterThan(0);
    expect(received(to.other, 59_000)).toEqual(sent.slice(1_000, 60_000));
    pipe.close();
  });

  test("says that nothing came, that it is the end, and that there is no room", () => {
    using from = socketPair();
    using to = socketPair();
    const pipe = opened(KernelPipe.open(calls));
    expect(pipe.fill(from.other, 1_000)).toBe(-EAGAIN);
    const block = new Uint8Array(64 * 1024);
    while (system.send(to.one, block) > 0) {}
    must("send", system.send(from.one, block));
    expect(pipe.fill(from.other, 1_000)).toBe(1_000);
    expect(pipe.drain(to.one)).toBe(-EAGAIN);
    expect(pipe.bytes).toBe(1_000);
    must("shutdown", system.shutdown(from.one, 1));
    pipe.read(1_000);
    while (pipe.fill(from.other, 64 * 1024) > 0) pipe.read(pipe.bytes);
    expect(pipe.fill(from.other, 1_000)).toBe(0);
    pipe.close();
  });

  test("is none where there is no descriptor, or too little room", () => {
    expect(KernelPipe.open({ ...calls, pipe: () => -EMFILE })).toBeNull();
    const ends: number[] = [];
    const narrow: Libc = {
      ...calls,
      setPipeSize: () => 4_096,
      close(fd) {
        ends.push(fd);
        return calls.close(fd);
      },
    };
    expect(KernelPipe.open(narrow)).toBeNull();
    expect(ends.map(isPipe)).toEqual([false, false]);
  });
});

describe("the pipes of a relay", () => {
  test("are lent, so many at once at most, and lent again", () => {
    const pipes = new KernelPipes(calls);
    const lent = Array.from({ length: kernelPipesMost() }, () => opened(pipes.borrow()));
    expect(pipes.borrow()).toBeNull();
    const [first] = lent;
    pipes.giveBack(opened(first));
    expect(pipes.borrow()).toBe(opened(first));
    for (const pipe of lent) pipes.giveBack(pipe);
    pipes.closeFree();
    expect(lent.map(({ readEnd }) => isPipe(readEnd))).not.toContain(true);
  });

  test("are closed where bytes are left, and where nobody needs them", () => {
    using from = socketPair();
    const pipes = new KernelPipes(calls);
    const used = opened(pipes.borrow());
    must("send", system.send(from.one, new Uint8Array(10)));
    expect(used.fill(from.other, 10)).toBe(10);
    pipes.giveBack(used);
    expect(isPipe(used.readEnd)).toBe(false);
    const late = opened(pipes.borrow());
    pipes.closeFree();
    expect(isPipe(late.readEnd)).toBe(true);
    pipes.giveBack(late);
    pipes.closeFree();
    expect(isPipe(late.readEnd)).toBe(false);
  });
});

function opened(pipe: KernelPipe | null | undefined): KernelPipe {
  if (pipe === null || pipe === undefined) throw new Error("there is no pipe");
  return pipe;
}

function isPipe(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith("pipe:");
  } catch {
    return false;
  }
}

function received(fd: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let got = 0; got < length;) got += must("recv", system.receive(fd, bytes.subarray(got)));
  return bytes;
}

test.each<[threads: number, files: number, most: number]>([
  [1, 63, 0],
  [1, 128, 2],
  [4, 128, 2],
  [8, 128, 1],
  [8, 1_024, 8],
  [32, 1_024, 2],
  [64, 4_096, 4],
  [1, 1_000_000, 32],
  [64, 1_000_000, 32],
])("each of %i threads may have few of %i files as pipes: %i", (threads, files, most) => {
  expect(kernelPipesMost(threads, files)).toBe(most);
  expect(threads * most * 2).toBeLessThanOrEqual(files / 8);
});
