import { afterEach, expect, spyOn, test } from "bun:test";
import { constants } from "node:os";
import { readdirSync } from "node:fs";
import { encodeEpollEvent, epollData } from "../../../../src/os/epoll-event.ts";
import { findEpollRegistration } from "../../../../src/os/find-epoll-registration.ts";
import { libc, type Libc } from "../../../../src/os/libc.ts";
import { EPOLL_CTL_ADD, EPOLLIN } from "../../../../src/os/linux-constants.ts";
import { ByteWatch } from "../../../../src/relay/stream/await-bytes-without-bun.ts";
import { must, system } from "../../../support/process/system-calls.ts";
import { type SocketPair, socketPair } from "../../../support/sockets/socket-pair.ts";
import { turn, until } from "../../../support/waiting.ts";

if (libc === null) throw new Error("these tests need the C library through bun:ffi");
const calls: Libc = libc;

// Turns of the event loop in which a watch that is never silent would have reported much.
const TURNS = 20;
// More than one call of epoll_wait(2) returns.
const MANY = 100;
// More than are told in one turn of the event loop.
const TOO_MANY = 300;

const disposables: Disposable[] = [];
afterEach(() => {
  for (const one of disposables.splice(0)) one[Symbol.dispose]();
});

function pair(): SocketPair {
  const made = socketPair();
  disposables.push(made);
  return made;
}

/** A watch, and how often it has asked for events. */
function watching(changes: Partial<Libc> = {}, told: (waiters: number) => void = () => {}) {
  const asked = { times: 0 };
  const system: Libc = {
    ...calls,
    epollEvents(epoll, data) {
      asked.times += 1;
      return calls.epollEvents(epoll, data);
    },
    ...changes,
  };
  const watch = new ByteWatch(system, told);
  disposables.push({ [Symbol.dispose]: () => watch.close() });
  return { watch, asked };
}

class Waiter {
  times = 0;

  bytesCame(): void {
    this.times += 1;
  }
}

/** A waiter that reads its byte, and then does something. */
class ReadingWaiter extends Waiter {
  constructor(
    readonly fd: number,
    readonly act = () => {},
  ) {
    super();
  }

  override bytesCame(): void {
    super.bytesCame();
    must("receive", system.receive(this.fd, new Uint8Array(1)));
    this.act();
  }
}

/** A watch that may be relied on, and what it has told of its calls. */
async function proven() {
  const told: number[] = [];
  const made = watching({}, (waiters) => told.push(waiters));
  const { other } = pair();
  const waiter = new Waiter();
  await until(() => made.watch.watch(other, waiter), "the proof that the watch works");
  made.watch.forget(other, waiter);
  return { ...made, told };
}

const send = (fd: number) => must("send", system.send(fd, new Uint8Array(1)));
const descriptors = () => readdirSync("/proc/self/fd").length;

async function turns(): Promise<void> {
  for (let count = 0; count < TURNS; count += 1) await turn();
}

test("tells a waiter once that bytes came, and again if it waits again", async () => {
  const { watch, asked } = watching();
  const { one, other } = pair();
  const waiter = new Waiter();
  watch.wait(other, waiter);
  await until(() => asked.times > 0, "the proof that the watch works");
  expect(waiter.times).toBe(0);
  send(one);
  await until(() => waiter.times === 1, "the bytes");
  const { times } = asked;
  send(one);
  await turns();
  expect(waiter.times).toBe(1);
  expect(asked.times).toBe(times);
  expect(watch.wait(other, waiter)).toBe(true);
  await until(() => waiter.times === 2, "the bytes that were there already");
});

test("if Bun watches the lent socket again, that keeps the event loop busy for one turn at most", async () => {
  const made = { epoll: -1, lent: -1 };
  const { watch, asked } = watching({
    epoll: () => (made.epoll = calls.epoll()),
    socketPair(family, type, ends) {
      const result = calls.socketPair(family, type, ends);
      made.lent = ends[0] ?? -1;
      return result;
    },
  });
  watch.wait(pair().other, new Waiter());
  await until(() => asked.times > 0, "the proof that the watch works");
  await turns();
  const bun = findEpollRegistration(made.epoll);
  if (bun === null) throw new Error("Bun's event loop does not watch the instance");
  const again = encodeEpollEvent(EPOLLIN, epollData(bun.event));
  must("epoll_ctl", calls.epollControl(bun.epoll, EPOLL_CTL_ADD, made.lent, again));
  const { times } = asked;
  await turns();
  expect(asked.times).toBe(times + 1);
});

test("tells of the end of a stream", async () => {
  const { watch } = watching();
  const { one, other } = pair();
  const waiter = new Waiter();
  watch.wait(other, waiter);
  must("shutdown", system.shutdown(one, 1));
  await until(() => waiter.times === 1, "the end");
});

test("can be relied on only after it has worked", async () => {
  const { watch, asked } = watching();
  const { other } = pair();
  const waiter = new Waiter();
  expect(watch.wait(other, waiter)).toBe(false);
  await until(() => asked.times > 0, "the proof that the watch works");
  expect(watch.wait(other, waiter)).toBe(true);
});

test("nobody watches before it has worked", async () => {
  const { watch, asked } = watching();
  const { other } = pair();
  const waiter = new Waiter();
  expect(watch.watch(other, waiter)).toBe(false);
  await until(() => asked.times > 0, "the proof that the watch works");
  expect(watch.watch(other, waiter)).toBe(true);
});

test.each([
  ["bytes", send],
  ["the end of the stream", (fd: number) => must("shutdown", system.shutdown(fd, 1))],
])("tells who watches of %s again and again until it is forgotten", async (_, act) => {
  const { watch, asked } = await proven();
  const { one, other } = pair();
  const waiter = new Waiter();
  expect(watch.watch(other, waiter)).toBe(true);
  await turns();
  expect(waiter.times).toBe(0);
  act(one);
  await until(() => waiter.times >= 3, "the calls");
  watch.forget(other, waiter);
  const { times } = waiter;
  await turns();
  const before = asked.times;
  await turns();
  expect(waiter.times).toBe(times);
  expect(asked.times).toBe(before);
});

test("who watches can wait once instead, and watch again", async () => {
  const { watch } = await proven();
  const { one, other } = pair();
  const [always, once] = [new Waiter(), new Waiter()];
  watch.watch(other, always);
  watch.forget(other, always);
  expect(watch.wait(other, once)).toBe(true);
  send(one);
  await until(() => once.times === 1, "the bytes");
  await turns();
  expect([always.times, once.times]).toEqual([0, 1]);
  watch.watch(other, always);
  await until(() => always.times >= 3, "the calls");
  expect(once.times).toBe(1);
});

test("who is forgotten late takes nothing from the next waiter of the same number", async () => {
  const { watch } = await proven();
  const { one, other } = pair();
  const [gone, here] = [new Waiter(), new Waiter()];
  watch.watch(other, gone);
  expect(watch.wait(other, here)).toBe(true);
  watch.forget(other, gone);
  send(one);
  await until(() => here.times === 1, "the bytes");
  expect(gone.times).toBe(0);
});

test("counts its calls of those who watch, turn by turn, and no others", async () => {
  const { watch, told } = await proven();
  const once = pair();
  const waiter = new Waiter();
  watch.wait(once.other, waiter);
  send(once.one);
  await until(() => waiter.times === 1, "the bytes");
  expect(told).toEqual([]);
  for (const length of [3, 1]) {
    const pairs = Array.from({ length }, pair);
    for (const { other } of pairs) watch.watch(other, new ReadingWaiter(other));
    for (const { one } of pairs) send(one);
    await until(() => told.length > 0, "the calls");
    await turns();
    expect(told.splice(0)).toEqual([length]);
  }
});

test("in the same look, a waiter may forget another", async () => {
  const { watch, told } = await proven();
  const [first, second] = [pair(), pair()];
  const one = new ReadingWaiter(first.other, () => watch.forget(second.other, two));
  const two = new ReadingWaiter(second.other, () => watch.forget(first.other, one));
  watch.watch(first.other, one);
  watch.watch(second.other, two);
  send(first.one);
  send(second.one);
  await until(() => told.length > 0, "the call");
  await turns();
  expect(told).toEqual([1]);
  expect(one.times + two.times).toBe(1);
});

test("in the same look, a waiter may close the watch", async () => {
  const { watch, told, asked } = await proven();
  const pairs = Array.from({ length: 3 }, pair);
  let askedBefore = 0;
  const close = () => {
    watch.close();
    askedBefore = asked.times;
  };
  const waiters = pairs.map(({ other }) => new ReadingWaiter(other, close));
  for (const waiter of waiters) watch.watch(waiter.fd, waiter);
  for (const { one } of pairs) send(one);
  await until(() => told.length > 0, "the call");
  await turns();
  expect(told).toEqual([1]);
  expect(asked.times).toBe(askedBefore);
  const { one, other } = pair();
  const later = new ReadingWaiter(other);
  await until(() => watch.watch(other, later), "the watch again");
  send(one);
  await until(() => later.times === 1, "the bytes");
});

test("lets the event loop turn when it has told many", async () => {
  const events: string[] = [];
  const { watch } = watching({}, (waiters) => {
    events.push(`told ${waiters}`);
    setImmediate(() => events.push("turn"));
  });
  const pairs = Array.from({ length: TOO_MANY }, pair);
  const waiters = pairs.map(({ other }) => new ReadingWaiter(other));
  await until(
    () => waiters.every((waiter) => watch.watch(waiter.fd, waiter)),
    "the proof that the watch works",
  );
  for (const { one } of pairs) send(one);
  await until(() => waiters.every(({ times }) => times === 1), "all bytes");
  await turns();
  expect(events).toEqual(["told 256", "turn", `told ${TOO_MANY - 256}`, "turn"]);
});

test("tells nobody who was forgotten", async () => {
  const { watch } = watching();
  const [first, second] = [pair(), pair()];
  const [gone, here] = [new Waiter(), new Waiter()];
  watch.wait(first.other, gone);
  watch.wait(second.other, here);
  watch.forget(first.other, here);
  watch.forget(first.other, gone);
  send(first.one);
  send(second.one);
  await until(() => here.times === 1, "the bytes");
  await turns();
  expect(gone.times).toBe(0);
});

test("tells many at once", async () => {
  const { watch } = watching();
  const pairs = Array.from({ length: MANY }, pair);
  const waiters = pairs.map(() => new Waiter());
  for (const [index, waiter] of waiters.entries()) watch.wait(pairs[index]?.other ?? -1, waiter);
  for (const { one } of pairs) send(one);
  await until(() => waiters.every(({ times }) => times === 1), "all bytes");
});

test("a waiter that throws keeps nobody from being told", async () => {
  // Bun's test runner fails a test at each uncaught exception, so the error is caught here.
  const later = spyOn(globalThis, "queueMicrotask").mockImplementation(() => {});
  disposables.push({ [Symbol.dispose]: () => later.mockRestore() });
  const { watch } = watching();
  const [first, second] = [pair(), pair()];
  const waiter = new Waiter();
  watch.wait(first.other, {
    bytesCame() {
      throw new Error("a bug");
    },
  });
  watch.wait(second.other, waiter);
  send(first.one);
  send(second.one);
  await until(() => waiter.times === 1, "the other bytes");
  expect(later.mock.calls[0]?.[0]).toThrow("a bug");
  watch.wait(second.other, waiter);
  await until(() => waiter.times === 2, "the bytes again");
});

test("the number of a closed descriptor may wait again", async () => {
  const { watch } = watching();
  const { one, other } = pair();
  const [before, after] = [new Waiter(), new Waiter()];
  const fd = calls.duplicate(other);
  watch.wait(fd, before);
  calls.close(fd);
  const next = pair();
  expect(calls.replace(next.other, fd)).toBe(fd);
  disposables.push({ [Symbol.dispose]: () => void calls.close(fd) });
  watch.wait(fd, after);
  send(next.one);
  await until(() => after.times === 1, "the bytes of the new socket");
  // The duplicate of the old socket is open, so its registration is still there.
  send(one);
  await turns();
  expect(before.times).toBe(0);
});

test("gives its descriptors back, even if it has not begun yet", async () => {
  const { watch } = watching();
  const { other } = pair();
  const before = descriptors();
  watch.wait(other, new Waiter());
  expect(descriptors()).toBeGreaterThan(before);
  watch.close();
  await until(() => descriptors() === before, "the descriptors");
});

test("opens its descriptors again after it was closed", async () => {
  const { watch, asked } = watching();
  const { one, other } = pair();
  const waiter = new Waiter();
  const before = descriptors();
  watch.wait(other, waiter);
  await until(() => asked.times > 0, "the proof that the watch works");
  watch.close();
  await until(() => descriptors() === before, "the descriptors");
  watch.wait(other, waiter);
  send(one);
  await until(() => waiter.times === 1, "the bytes");
});

test.each([
  ["epoll instance", { epoll: () => -constants.errno.EMFILE }],
  ["sockets", { socketPair: () => -constants.errno.EMFILE }],
] as const)("nobody waits if there are no descriptors for its %s", (_, changes) => {
  const { watch } = watching(changes);
  const { other } = pair();
  const before = descriptors();
  expect(watch.wait(other, new Waiter())).toBe(false);
  expect(watch.watch(other, new Waiter())).toBe(false);
  expect(descriptors()).toBe(before);
});

test("a descriptor that is closed cannot wait", async () => {
  const { watch } = await proven();
  expect(watch.wait(-1, new Waiter())).toBe(false);
  expect(watch.watch(-1, new Waiter())).toBe(false);
});
