import { afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import { fstatSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { SocketEndpoint } from "../../src/index.ts";
import { findEpollRegistration } from "../../src/os/find-epoll-registration.ts";
import { libc } from "../../src/os/libc.ts";
import { GatedListener } from "../../src/relay/listen/pause-by-swapped-descriptor.ts";
import { Listeners } from "../../src/relay/listen/open-listeners.ts";
import type { AcceptHandlers, PausableListener } from "../../src/relay/listen/pausable-listener.ts";
import { adoptListener } from "../../src/relay/listen/bun-listener.ts";
import { ReopenedListener } from "../../src/relay/listen/pause-by-reopening.ts";
import { PauseWithoutFfi } from "../../src/relay/listen/pause-without-ffi.ts";
import { socketDescriptors } from "../support/process/proc.ts";
import { system } from "../support/process/system-calls.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { turn, until } from "../support/waiting.ts";
import { folderForTests } from "../support/temporary-folder.ts";

const folder = folderForTests("pausable");
let names = 0;

const PLACES = [
  ["TCP", (): SocketEndpoint => ({ kind: "tcp", host: "127.0.0.1", port: 0 })],
  ["TCP over IPv6", (): SocketEndpoint => ({ kind: "tcp", host: "::1", port: 0 })],
  ["Unix", (): SocketEndpoint => ({ kind: "unix", path: join(folder, String((names += 1))) })],
] as const;

const BACKLOG = 1_024;

const KINDS = [
  ["a gated", openGated],
  ["a reopened", openReopened],
  ["a Bun-only", openPauseWithoutFfi],
] as const;

type Open = (fd: number, handlers: AcceptHandlers<undefined>) => PausableListener;

function openGated(fd: number, handlers: AcceptHandlers<undefined>): PausableListener {
  if (libc === null) throw new Error("these tests need FFI");
  const listener = GatedListener.open(libc, fd, handlers);
  if (listener === null) throw new Error("the event loop's registrations are not to be seen");
  return listener;
}

/** A gated listener whose calls of `replace` fail while `isTooHigh` is true. */
function openGatedAt(isTooHigh: () => boolean): Open {
  return (fd, handlers) => {
    if (libc === null) throw new Error("these tests need FFI");
    const { replace } = libc;
    const replaceOrFail: typeof replace = (from, to) =>
      isTooHigh() ? -constants.errno.EBADF : replace(from, to);
    const listener = GatedListener.open({ ...libc, replace: replaceOrFail }, fd, handlers);
    if (listener === null) throw new Error("the event loop's registrations are not to be seen");
    return listener;
  };
}

function openReopened(fd: number, handlers: AcceptHandlers<undefined>): PausableListener {
  if (libc === null) throw new Error("these tests need FFI");
  return ReopenedListener.open(libc, fd, BACKLOG, handlers);
}

/** As without FFI. */
function openPauseWithoutFfi(fd: number, handlers: AcceptHandlers<undefined>): PausableListener {
  const room = new PauseWithoutFfi(handlers, { most: 1_000, refused() {} });
  return room.guard([adoptListener(fd, room.handlers)]);
}

/** A pausable listener, who came to it, and clients of the test's. */
class Bench {
  readonly raw: RawListener;
  readonly listener: PausableListener;
  /** Sockets that were accepted and are open. */
  readonly accepted = new Set<Socket<undefined>>();
  /** How many clients were ever accepted. */
  count = 0;
  /** Is called at each accepted client. */
  onOpen = () => {};
  readonly #clients: RawSocket[] = [];

  constructor(open: Open, place: SocketEndpoint) {
    this.raw = new RawListener(place, BACKLOG);
    this.listener = open(system.duplicate(this.raw.fd), {
      binaryType: "uint8array",
      open: (socket) => {
        this.count += 1;
        this.accepted.add(socket);
        this.onOpen();
      },
      data() {},
      close: (socket) => void this.accepted.delete(socket),
    });
    benches.push(this);
  }

  dial(clients = 1): void {
    for (let client = 0; client < clients; client += 1)
      this.#clients.push(RawSocket.dial(this.raw.endpoint));
  }

  endAll(): void {
    for (const socket of this.accepted) socket.terminate();
    for (const client of this.#clients.splice(0)) client.close();
  }

  [Symbol.dispose](): void {
    this.endAll();
    this.listener.stop();
    this.raw.close();
  }
}

const benches: Bench[] = [];
afterEach(() => {
  for (const bench of benches.splice(0)) bench[Symbol.dispose]();
});

function isSocketOf({ fd }: RawListener, other: number): boolean {
  return fstatSync(fd).ino === fstatSync(other).ino;
}

async function turns(count: number): Promise<void> {
  for (let turned = 0; turned < count; turned += 1) await turn();
}

describe.each(KINDS)("%s listener", (_, open) => {
  describe.each(PLACES)("of %s", (_kind, place) => {
    test("accepts, and knows a TCP client's address", async () => {
      const bench = new Bench(open, place());
      bench.dial();
      await until(() => bench.count === 1, "a client");
      const [socket] = bench.accepted;
      const { endpoint } = bench.raw;
      if (endpoint.kind === "tcp") expect(socket?.remoteAddress).toBe(endpoint.host);
    });

    test("accepts nobody more once it was paused inside `open`", async () => {
      const bench = new Bench(open, place());
      bench.onOpen = () => void (bench.count === 3 && expect(bench.listener.pause()).toBe(true));
      bench.dial(20);
      await until(() => bench.count === 3, "the first clients");
      await turns(20);
      expect(bench.count).toBe(3);
      expect(bench.listener.resume()).toBe(true);
      await until(() => bench.count === 20, "all clients");
    });

    test("overlooks nobody, whenever it is paused and resumed", async () => {
      const bench = new Bench(open, place());
      let dialed = 0;
      const later: (() => void)[] = [];
      // One at a time, as at a limit of one connection.
      bench.onOpen = () => {
        bench.listener.pause();
        later.push(() => bench.listener.resume());
      };
      for (let round = 0; round < 200; round += 1) {
        const clients = round % 3;
        bench.dial(clients);
        dialed += clients;
        if (round % 2 === 0) await turn();
        later.shift()?.();
        if (round % 5 === 0) bench.listener.pause();
        if (round % 7 === 0) bench.listener.resume();
      }
      bench.onOpen = () => {};
      bench.listener.resume();
      await until(
        () => bench.count === dialed,
        () => `${dialed} clients, not ${bench.count}`,
      );
    });

    test("may be paused and resumed any number of times in one turn", async () => {
      const bench = new Bench(open, place());
      bench.onOpen = () => {
        for (let times = 0; times < 3; times += 1) {
          expect(bench.listener.pause()).toBe(true);
          expect(bench.listener.pause()).toBe(true);
          expect(bench.listener.resume()).toBe(true);
          expect(bench.listener.resume()).toBe(true);
        }
      };
      bench.dial(50);
      await until(() => bench.count === 50, "all clients");
    });

    test.each(["paused", "accepting"])("leaves nothing when it stops while %s", async (state) => {
      const before = socketDescriptors("self").length;
      const bench = new Bench(open, place());
      bench.dial();
      await until(() => bench.count === 1, "a client");
      bench.endAll();
      if (state === "paused") bench.listener.pause();
      bench.listener.stop();
      // The next holder of the socket gets the clients, and this thread hears nothing of them.
      bench.dial();
      using client = await bench.raw.accept();
      expect(client.isOpen).toBe(true);
      await turns(5);
      expect(bench.count).toBe(1);
      benches.splice(benches.indexOf(bench), 1);
      bench.endAll();
      client.close();
      bench.raw.close();
      await until(() => socketDescriptors("self").length === before, "its sockets to be closed");
    });
  });
});

describe("a gated listener", () => {
  test("watches the source's socket while it accepts, and nothing while it is paused", () => {
    const bench = new Bench(openGated, PLACES[0][1]());
    const watched = () => socketDescriptors("self").filter((fd) => isSocketOf(bench.raw, fd));
    const isWatched = () => watched().some((fd) => findEpollRegistration(fd) !== null);
    expect(isWatched()).toBe(true);
    bench.listener.pause();
    expect(isWatched()).toBe(false);
    bench.listener.resume();
    expect(isWatched()).toBe(true);
  });

  test("pauses and resumes although the limit of files was below its number", async () => {
    let isTooHigh = false;
    const bench = new Bench(
      openGatedAt(() => isTooHigh),
      PLACES[0][1](),
    );
    isTooHigh = true;
    expect(bench.listener.pause()).toBe(true);
    bench.dial();
    await turns(5);
    expect(bench.count).toBe(0);
    expect(bench.listener.resume()).toBe(false);
    isTooHigh = false;
    expect(bench.listener.resume()).toBe(true);
    await until(() => bench.count === 1, "the client");
  });

  test("is not had of a socket that nobody watches", () => {
    using raw = new RawListener(PLACES[0][1]());
    expect(findEpollRegistration(raw.fd)).toBeNull();
    expect(findEpollRegistration(-1)).toBeNull();
  });
});

describe("a waiting room", () => {
  const MOST = 5;

  /** A paused listener where some may wait, and how many were refused. */
  function openSmallRoom() {
    let refused = 0;
    const bench = new Bench((fd, handlers) => {
      const room = new PauseWithoutFfi(handlers, {
        most: MOST,
        refused: () => void (refused += 1),
      });
      return room.guard([adoptListener(fd, room.handlers)]);
    }, PLACES[0][1]());
    bench.listener.pause();
    return { bench, refused: () => refused };
  }

  const connect = async ({ raw }: Bench) => await RawSocket.connect(raw.endpoint);

  test("lets in as they came, with what they have sent meanwhile", async () => {
    const received: string[] = [];
    const room = new PauseWithoutFfi<undefined>(
      {
        binaryType: "uint8array",
        data: (socket, chunk) => {
          received.push(Buffer.from(chunk).toString());
          socket.terminate();
        },
      },
      { most: MOST, refused() {} },
    );
    using raw = new RawListener(PLACES[0][1]());
    room.guard([adoptListener(system.duplicate(raw.fd), room.handlers)]);
    room.pause();
    using clients = new DisposableStack();
    for (const name of ["one", "two", "three"]) {
      const client = clients.use(await RawSocket.connect(raw.endpoint));
      client.trySend(Buffer.from(name));
      // The others stay open until the relay ends them.
      if (name === "two") client.halfClose();
    }
    await turns(20);
    expect(received).toEqual([]);
    room.resume();
    await until(() => received.length === 3, "what all have sent");
    expect(received).toEqual(["one", "two", "three"]);
    room.stop();
  });

  test("resets who finds no place to wait, and tells of them", async () => {
    const { bench, refused } = openSmallRoom();
    const clients = [];
    // Some are refused before they know that they are connected.
    for (let client = 0; client < MOST + 3; client += 1)
      clients.push(RawSocket.dial(bench.raw.endpoint));
    await until(() => refused() === 3, "three to be refused");
    for (const client of clients.slice(MOST))
      expect(await client.readToEnd()).toMatchObject({ ending: "ECONNRESET" });
    bench.listener.resume();
    await until(() => bench.count === MOST, "who has waited");
    for (const client of clients) client.close();
  });

  test("forgets who resets while it waits", async () => {
    const { bench, refused } = openSmallRoom();
    for (let round = 0; round < 3; round += 1) {
      const clients = [];
      for (let client = 0; client < MOST; client += 1) {
        clients.push(await connect(bench));
        clients.at(-1)?.trySend(Buffer.from("never read"));
      }
      await turns(5);
      for (const client of clients) client.reset();
      await turns(5);
    }
    expect(refused()).toBe(0);
    bench.listener.resume();
    await turns(5);
    expect(bench.count).toBe(0);
  });

  test("closes who waits when it stops", async () => {
    const { bench } = openSmallRoom();
    using client = await connect(bench);
    await turns(5);
    bench.listener.stop();
    expect(await client.readToEnd()).toMatchObject({ ending: "ECONNRESET" });
  });
});

describe("several listeners of one source", () => {
  const fake = (calls: string[], name: string, resumes: boolean): PausableListener => ({
    pause: () => calls.push(`pause ${name}`) > 0,
    resume: () => calls.push(`resume ${name}`) > 0 && resumes,
    stop: () => void calls.push(`stop ${name}`),
  });

  test("are all paused if one of them cannot be resumed", () => {
    const calls: string[] = [];
    const listeners = new Listeners([fake(calls, "a", true), fake(calls, "b", false)], []);
    expect(listeners.resume()).toBe(false);
    expect(calls).toEqual(["resume a", "resume b", "pause a", "pause b"]);
  });
});
