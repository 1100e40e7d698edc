import { dlopen, FFIType, ptr, read, type Pointer } from "bun:ffi";
import { encodeName, familyOf } from "../../support/sockets/socket-name.ts";
import {
  AF_UNIX,
  errnoName,
  IPPROTO_TCP,
  must,
  POLLIN,
  SO_REUSEADDR,
  SOL_SOCKET,
  system,
  TCP_NODELAY,
} from "../../support/process/system-calls.ts";
import type { Address } from "./messages.ts";

// Numbers of Linux, the same on x86-64 and arm64 (asm-generic/socket.h, linux/time.h,
// asm-generic/resource.h).
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const CLOCK_MONOTONIC = 1;
const RLIMIT_NOFILE = 7;
const BACKLOG = 4096;

/** Seconds after which a call of a load that would block fails with EAGAIN. */
export const PATIENCE_SECONDS = 3;

const { i32, u32, ptr: pointer, u64_fast, i64_fast } = FFIType;

// Beside those of the tests, which never block: a load waits inside its calls, and hands them
// addresses that it worked out once.
function open() {
  const libraries = [
    "libc.so.6",
    `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
  ] as const;
  const failures: unknown[] = [];
  for (const library of libraries) {
    try {
      return dlopen(library, {
        socket: { args: [i32, i32, i32], returns: i32 },
        connect: { args: [i32, pointer, u32], returns: i32 },
        accept4: { args: [i32, pointer, pointer, i32], returns: i32 },
        send: { args: [i32, pointer, u64_fast, i32], returns: i64_fast },
        recv: { args: [i32, pointer, u64_fast, i32], returns: i64_fast },
        poll: { args: [pointer, u64_fast, i32], returns: i32 },
        setsockopt: { args: [i32, i32, i32, pointer, u32], returns: i32 },
        clock_gettime: { args: [i32, pointer], returns: i32 },
        prlimit: { args: [i32, i32, pointer, pointer], returns: i32 },
        usleep: { args: [u32], returns: i32 },
        __errno_location: { args: [], returns: pointer },
      }).symbols;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, "the bench needs the C library through bun:ffi");
}

const c = open();
const errno = c.__errno_location();
if (errno === null) throw new Error("the C library has no errno");
const errnoAt = errno;

function answer(result: number | bigint): number {
  return result < 0 ? -read.i32(errnoAt, 0) : Number(result);
}

/** Bytes at an address that stays: what `send` and `receive` take. */
export class Block {
  readonly #bytes: Uint8Array;
  readonly #at: Pointer;

  /** @param content the bytes, or how many zeroes */
  constructor(content: Uint8Array | number) {
    this.#bytes = typeof content === "number" ? new Uint8Array(content) : content;
    this.#at = ptr(this.#bytes);
  }

  get length(): number {
    return this.#bytes.length;
  }

  /**
   * send(2): the bytes that the kernel took of the first `length`, or the errno as a negative
   * number.
   */
  send(fd: number, wait: boolean, length = this.length): number {
    return answer(c.send(fd, this.#at, length, wait ? MSG_NOSIGNAL : MSG_NOSIGNAL | MSG_DONTWAIT));
  }

  /**
   * recv(2): the bytes that came, up to `length`, zero at the end, or the errno as a negative
   * number.
   */
  receive(fd: number, wait: boolean, length = this.length): number {
    return answer(c.recv(fd, this.#at, length, wait ? 0 : MSG_DONTWAIT));
  }
}

/** poll(2) over descriptors that are given once and leave one by one. */
export class Poll {
  readonly #entries: Int32Array;
  readonly #shorts: Int16Array;
  readonly #at: Pointer;

  constructor(fds: readonly number[], events: number) {
    this.#entries = new Int32Array(2 * fds.length);
    this.#shorts = new Int16Array(this.#entries.buffer);
    fds.forEach((fd, index) => {
      this.#entries[2 * index] = fd;
      this.#shorts[4 * index + 2] = events;
    });
    this.#at = ptr(this.#entries);
  }

  /** Waits for `what` until one is ready. @throws when none is in so many seconds */
  wait(what: string, patience = PATIENCE_SECONDS): void {
    const ready = answer(c.poll(this.#at, this.#entries.length / 2, patience * 1000));
    if (must("poll", ready) === 0) throw new Error(`waited ${patience} s for ${what}`);
  }

  isReady(index: number): boolean {
    return this.#shorts[4 * index + 3] !== 0;
  }

  /** Waits for this one no longer: poll(2) passes over negative descriptors. */
  leave(index: number): void {
    this.#entries[2 * index] = -1;
    this.#shorts[4 * index + 3] = 0;
  }
}

/**
 * A blocking socket connected to `address`, without Nagle's delay, or the errno as a negative
 * number.
 */
export function dial(address: Address): number {
  const name = encodeName(address);
  const family = familyOf(address);
  const fd = must("socket", answer(c.socket(family, SOCK_STREAM_CLOEXEC, 0)));
  prepare(fd, family);
  const result = answer(c.connect(fd, name, name.length));
  if (result === 0) return fd;
  system.close(fd);
  return result;
}

/** As `dial`. @throws {SystemCallError} */
export function mustDial(address: Address): number {
  return must("connect", dial(address));
}

/** The next connection of a listening socket. @throws when none comes in time */
export function accept(listener: number, family: number): number {
  new Poll([listener], POLLIN).wait("a connection");
  const fd = must("accept", answer(c.accept4(listener, null, null, 0o2000000)));
  prepare(fd, family);
  return fd;
}

/** A listening socket. @throws {SystemCallError} */
export function listen(address: Address): number {
  const family = familyOf(address);
  const name = encodeName(address);
  const fd = must("socket", answer(c.socket(family, SOCK_STREAM_CLOEXEC, 0)));
  const on = new Int32Array([1]);
  if (family !== AF_UNIX) must("setsockopt", system.setOption(fd, SOL_SOCKET, SO_REUSEADDR, on));
  must("bind", system.bind(fd, name));
  must("listen", system.listen(fd, BACKLOG));
  return fd;
}

function prepare(fd: number, family: number): void {
  const patience = new BigInt64Array([BigInt(PATIENCE_SECONDS), 0n]);
  for (const option of [SO_RCVTIMEO, SO_SNDTIMEO])
    must("setsockopt", answer(c.setsockopt(fd, SOL_SOCKET, option, patience, patience.byteLength)));
  const on = new Int32Array([1]);
  if (family !== AF_UNIX) must("setsockopt", system.setOption(fd, IPPROTO_TCP, TCP_NODELAY, on));
}

export function close(fd: number): void {
  must("close", system.close(fd));
}

const time = new BigInt64Array(2);

/**
 * Nanoseconds of a clock of clock_gettime(2), or `undefined` where it does not exist (any more).
 */
function clock(id: number): number | undefined {
  if (c.clock_gettime(id, time) !== 0) return undefined;
  return Number((time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n));
}

/** Nanoseconds that all processes of the machine count alike. */
export function monotonic(): number {
  return clock(CLOCK_MONOTONIC) ?? 0;
}

/** Blocks the whole process. */
export function sleep(microseconds: number): void {
  c.usleep(microseconds);
}

/**
 * Lets a process have up to `wanted` descriptors; where that is above its hard limit, which only
 * the mighty may raise, as many as that. prlimit(2)
 */
export function allowDescriptors(pid: number, wanted: number): void {
  const limits = new BigUint64Array([BigInt(wanted), BigInt(wanted)]);
  if (c.prlimit(pid, RLIMIT_NOFILE, limits, null) === 0) return;
  must("prlimit", answer(c.prlimit(pid, RLIMIT_NOFILE, null, limits)));
  limits[0] = limits[1] ?? 0n;
  must("prlimit", answer(c.prlimit(pid, RLIMIT_NOFILE, limits, null)));
}

/** Whether a call of a load failed because the other side had gone. */
export function isGone(result: number): boolean {
  const name = errnoName(result);
  return name === "ECONNRESET" || name === "EPIPE";
}
