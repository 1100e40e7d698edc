import { afterAll, afterEach, describe, expect, test } from "bun:test";
import type { Socket, SocketHandler } from "bun";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorCode } from "../../src/os/errno.ts";
import type { SocketEndpoint } from "../../src/index.ts";
import type { Task } from "../support/threads/listening-thread.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { encodeName, familyOf } from "../support/sockets/socket-name.ts";
import {
  IPPROTO_TCP,
  must,
  SO_TYPE,
  SOL_SOCKET,
  system,
  SystemCallError,
  TCP_NODELAY,
} from "../support/process/system-calls.ts";
import { turn, until } from "../support/waiting.ts";

// What Bun's sockets do and the relay relies on, or must work around. Bun documents little of it: a
// failure here after a change of Bun says which part of src/relay to look at again.

const LOOPBACK: SocketEndpoint = { kind: "tcp", host: "127.0.0.1", port: 0 };
const HALF_MIB = 512 * 1024;

const folder = mkdtempSync(join(tmpdir(), "runtime-facts-"));
afterAll(() => rmSync(folder, { recursive: true }));
let names = 0;

function unixPlace(): SocketEndpoint & { readonly kind: "unix" } {
  return { kind: "unix", path: join(folder, String((names += 1))) };
}

const KINDS = [
  ["TCP", () => LOOPBACK],
  ["Unix", unixPlace],
] as const;

const disposables: Disposable[] = [];
afterEach(() => {
  for (const one of disposables.splice(0)) one[Symbol.dispose]();
});

function kept<One extends Disposable>(one: One): One {
  disposables.push(one);
  return one;
}

/** A socket of Bun's and what it was told. */
class Told {
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  #socket: Socket<Told> | undefined;

  get socket(): Socket<Told> {
    if (this.#socket === undefined) throw new Error("not opened");
    return this.#socket;
  }

  get length(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  opened(socket: Socket<Told>): void {
    this.#socket = socket;
    this.events.push("open");
  }

  /** Events in their order without `drain`, which comes without cause too. */
  get course(): string[] {
    return this.events.filter((event) => event !== "drain");
  }
}

const handlers: SocketHandler<Told, "uint8array"> = {
  binaryType: "uint8array",
  open: (socket) => socket.data.opened(socket),
  data(socket, chunk) {
    socket.data.chunks.push(chunk);
    socket.data.events.push("data");
  },
  drain: (socket) => void socket.data.events.push("drain"),
  end: (socket) => void socket.data.events.push("end"),
  close: (socket, error) =>
    void socket.data.events.push(error === undefined ? "close" : `close ${errorCode(error)}`),
};

/** A descriptor of Bun's beside a raw peer, connected through `Bun.connect({ fd })`. */
async function adopted(place: SocketEndpoint): Promise<{ told: Told; peer: RawSocket }> {
  const listener = kept(new RawListener(place));
  const fd = must("socket", system.socket(familyOf(listener.endpoint)));
  system.connect(fd, encodeName(listener.endpoint));
  const told = adopt(fd);
  const peer = kept(await listener.accept());
  // The first turn tells of a connection that was still being made.
  await turn();
  await turn();
  return { told, peer };
}

function adopt(fd: number): Told {
  const told = new Told();
  void Bun.connect({ fd, allowHalfOpen: true, data: told, socket: handlers });
  kept({ [Symbol.dispose]: () => told.events.includes("open") && void told.socket.terminate() });
  return told;
}

/** A connection that Bun's listener accepted, beside a raw peer. */
async function accepted(place: SocketEndpoint): Promise<{ told: Told; peer: RawSocket }> {
  const told = new Told();
  const socket = {
    ...handlers,
    open(opened: Socket<Told>) {
      opened.data = told;
      told.opened(opened);
    },
  };
  const raw = new RawListener(place);
  const listener = Bun.listen<Told>({ fd: raw.handOver(), allowHalfOpen: true, socket });
  kept({ [Symbol.dispose]: () => listener.stop() });
  const peer = kept(await RawSocket.connect(raw.endpoint));
  await until(() => told.events.includes("open"), "Bun to accept");
  kept({ [Symbol.dispose]: () => void told.socket.terminate() });
  return { told, peer };
}

function pathOf(place: SocketEndpoint): string {
  if (place.kind !== "unix") throw new Error("no path");
  return place.path;
}

const WAYS = [
  ["accepted", accepted],
  ["adopted", adopted],
] as const;

describe.each(WAYS)("an %s socket", (_, make) => {
  describe.each(KINDS)("of %s", (kind, place) => {
    test("has a descriptor, and -1 once it is closed", async () => {
      const { told } = await make(place());
      expect(told.socket.fd).toBeGreaterThan(2);
      told.socket.terminate();
      expect(told.socket.fd).toBe(-1);
      expect(told.course).toEqual(["open", "close"]);
    });

    test("end() closes both directions, although allowHalfOpen", async () => {
      const { told, peer } = await make(place());
      told.socket.end();
      expect(told.course).toEqual(["open", "close"]);
      expect(await peer.readToEnd()).toMatchObject({ ending: "end" });
      if (!peer.isTcp) expect(peer.isHungUp).toBe(true);
    });

    test("shutdown() is a half-close: data still comes in", async () => {
      const { told, peer } = await make(place());
      told.socket.shutdown();
      expect(await peer.readToEnd()).toMatchObject({ length: 0, ending: "end" });
      expect(peer.isHungUp).toBe(false);
      peer.sendAtOnce(new Payload(10));
      await until(() => told.length === 10, "data after shutdown()");
    });

    test("the peer's end of stream is `end`, and writing goes on", async () => {
      const { told, peer } = await make(place());
      peer.sendAtOnce(new Payload(10));
      peer.halfClose();
      await until(() => told.events.includes("end"), "end");
      expect(told.course).toEqual(["open", "data", "end"]);
      expect(told.socket.write(new Payload(10).bytes)).toBe(10);
      expect(await peer.read(10)).toEqual(new Payload(10).received());
      told.socket.shutdown();
      await until(() => told.events.includes("close"), "close");
    });

    test("the peer's end of stream after shutdown() is only `close`", async () => {
      const { told, peer } = await make(place());
      told.socket.shutdown();
      peer.sendAtOnce(new Payload(10));
      peer.halfClose();
      await until(() => told.events.includes("close"), "close");
      expect(told.course).toEqual(["open", "data", "close"]);
    });

    test("a paused one keeps quiet over data and end of stream, and loses nothing", async () => {
      const { told, peer } = await make(place());
      told.socket.pause();
      const size = peer.isTcp ? HALF_MIB : 100_000;
      peer.sendAtOnce(new Payload(size));
      peer.halfClose();
      for (let turns = 0; turns < 20; turns += 1) await turn();
      expect(told.course).toEqual(["open"]);
      told.socket.resume();
      await until(() => told.events.includes("end"), "end");
      expect(told.length).toBe(size);
    });

    test("a chunk has 512 KiB at most, and is the handler's to keep", async () => {
      const { told, peer } = await make(place());
      const payload = new Payload(8 * HALF_MIB);
      await peer.send(payload);
      await until(() => told.length === payload.length, "all data");
      expect(Math.max(...told.chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(HALF_MIB);
      const hash = new Bun.CryptoHasher("sha256");
      for (const chunk of told.chunks) hash.update(chunk);
      expect(hash.digest("hex")).toBe(payload.received().sha256);
    });

    test("write() takes what the kernel takes and no more, then 0; `drain` follows", async () => {
      const { told, peer } = await make(place());
      const payload = new Payload(256 * 1024 * 1024);
      let sent = 0;
      let took: number;
      do {
        took = told.socket.write(payload.piece(sent));
        sent += took;
      } while (took > 0);
      expect(took).toBe(0);
      told.events.length = 0;
      expect(await peer.read(sent)).toEqual(payload.received(sent));
      await until(() => told.events.includes("drain"), "drain");
    });

    test("pause() and resume() of a full socket: `drain` follows, without a write that came short", async () => {
      const { told, peer } = await make(place());
      const block = new Uint8Array(64 * 1024);
      while (system.send(told.socket.fd, block) > 0);
      told.events.length = 0;
      told.socket.pause();
      told.socket.resume();
      for (let turns = 0; turns < 50; turns += 1) await turn();
      expect(told.events).toEqual([]);
      while (!told.events.includes("drain")) {
        peer.tryReceive();
        await turn();
      }
    });

    test("write() to a peer that is gone is -1, and the peer's own bytes still come", async () => {
      const { told, peer } = await make(place());
      peer.sendAtOnce(new Payload(10));
      if (peer.isTcp) peer.reset();
      else peer.close();
      expect(told.socket.write(new Payload(1).bytes)).toBe(-1);
      await until(() => told.events.some((event) => event.startsWith("close")), "close");
      expect(told.length).toBe(10);
      // The write took the error from the socket: a reset then looks like a clean end.
      expect(told.course).toEqual(["open", "data", "end", "close"]);
    });

    if (kind === "TCP") {
      test("a reset is `close` with ECONNRESET", async () => {
        const { told, peer } = await make(place());
        peer.sendAtOnce(new Payload(10));
        peer.reset();
        await until(() => told.course.length > 2, "close");
        expect(told.course).toEqual(["open", "data", "close ECONNRESET"]);
      });

      test("a reset after the peer's end of stream is `close` with EPIPE", async () => {
        const { told, peer } = await make(place());
        peer.halfClose();
        await until(() => told.events.includes("end"), "end");
        peer.reset();
        await until(() => told.course.length > 2, "close");
        expect(told.course).toEqual(["open", "end", "close EPIPE"]);
      });

      test("a paused one is told of a reset at once", async () => {
        const { told, peer } = await make(place());
        told.socket.pause();
        peer.sendAtOnce(new Payload(10));
        peer.reset();
        await until(() => told.course.length > 2, "close");
        expect(told.course).toEqual(["open", "data", "close ECONNRESET"]);
      });

      test("terminate() is a reset", async () => {
        const { told, peer } = await make(place());
        told.socket.terminate();
        expect(await peer.readToEnd()).toMatchObject({ ending: "ECONNRESET" });
      });

      test("sends small chunks without delay", async () => {
        const { told } = await make(place());
        expect(system.getOption(told.socket.fd, IPPROTO_TCP, TCP_NODELAY)).toBe(1);
      });
    } else {
      test("the peer's close with unread data is `close` with ECONNRESET", async () => {
        const { told, peer } = await make(place());
        told.socket.write(new Payload(10).bytes);
        peer.sendAtOnce(new Payload(10));
        peer.close();
        await until(() => told.course.length > 2, "close");
        expect(told.course).toEqual(["open", "data", "close ECONNRESET"]);
      });

      test("a paused one is not told that the peer has gone before it is resumed", async () => {
        const { told, peer } = await make(place());
        told.socket.pause();
        peer.close();
        for (let turns = 0; turns < 20; turns += 1) await turn();
        expect(told.course).toEqual(["open"]);
        told.socket.resume();
        await until(() => told.events.includes("close"), "close");
      });
    }
  });
});

describe("Bun.connect({ fd })", () => {
  test("opens inside the call, and delivers what a peer sent that is long gone", async () => {
    const listener = kept(new RawListener(unixPlace()));
    const fd = must("socket", system.socket(familyOf(listener.endpoint)));
    must("connect", system.connect(fd, encodeName(listener.endpoint)));
    const peer = listener.tryAccept();
    peer?.sendAtOnce(new Payload(1_000));
    peer?.close();
    const told = adopt(fd);
    expect(told.events).toEqual(["open"]);
    await until(() => told.events.includes("close") || told.events.includes("end"), "an end");
    expect(told.length).toBe(1_000);
  });

  test("takes a connecting TCP socket: `drain` says that it is connected, not before", async () => {
    const listener = kept(new RawListener(LOOPBACK, 0));
    const plug = kept(RawSocket.dial(listener.endpoint));
    await until(() => plug.ports.peer !== 0, "the plug");
    const fd = must("socket", system.socket(familyOf(listener.endpoint)));
    const address = encodeName(listener.endpoint);
    expect(() => must("connect", system.connect(fd, address))).toThrow("EINPROGRESS");
    const told = adopt(fd);
    for (let turns = 0; turns < 50; turns += 1) await turn();
    expect(told.events).toEqual(["open"]);
    expect(() => must("connect", system.connect(fd, address))).toThrow("EALREADY");
    listener.tryAccept()?.close();
    // The kernel sends the SYN again after a second.
    await until(() => told.events.includes("drain"), "drain");
    expect(system.connect(fd, address)).toBe(0);
  });

  test("a connecting TCP socket that is refused is `close` with ECONNREFUSED", async () => {
    const port = freePort();
    const fd = must("socket", system.socket(familyOf({ ...LOOPBACK, port })));
    system.connect(fd, encodeName({ ...LOOPBACK, port }));
    const told = adopt(fd);
    await until(() => told.events.length > 1, "an event");
    expect(told.events.slice(0, 2)).toEqual(["open", "close ECONNREFUSED"]);
  });

  test("of a Unix socket, Bun's own connect calls a full queue ECONNREFUSED", async () => {
    const place = unixPlace();
    const listener = kept(new RawListener(place, 0));
    kept(RawSocket.dial(listener.endpoint));
    expect(() => RawSocket.dial(listener.endpoint)).toThrow(
      new SystemCallError("connect", "EAGAIN").message,
    );
    const connecting = Bun.connect({
      unix: pathOf(place),
      data: new Told(),
      socket: { ...handlers, connectError() {} },
    });
    await expect(connecting).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});

describe("Bun.listen", () => {
  const silent: SocketHandler<undefined, "uint8array"> = { binaryType: "uint8array", data() {} };

  test("stop() removes whatever is at the path of a Unix socket", () => {
    const path = pathOf(unixPlace());
    const listener = Bun.listen({ unix: path, socket: silent });
    rmSync(path);
    writeFileSync(path, "somebody's own");
    listener.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("stop() leaves the file of an adopted Unix socket", () => {
    const place = unixPlace();
    const raw = new RawListener(place);
    const listener = Bun.listen({ fd: raw.handOver(), socket: silent });
    listener.stop();
    expect(existsSync(pathOf(place))).toBe(true);
  });

  test("({ fd }) raises the queue of an adopted socket", () => {
    const place = unixPlace();
    const raw = new RawListener(place, 0);
    kept(RawSocket.dial(place));
    expect(() => RawSocket.dial(place)).toThrow("EAGAIN");
    const listener = Bun.listen({ fd: raw.handOver(), socket: silent });
    kept({ [Symbol.dispose]: () => listener.stop(true) });
    for (let clients = 0; clients < 100; clients += 1) kept(RawSocket.dial(place));
  });

  test("a second descriptor keeps the queue after stop(), and is listened on again", async () => {
    const raw = new RawListener(unixPlace());
    const first = Bun.listen({ fd: raw.handOver(), socket: silent });
    const spare = must("dup", system.duplicate(first.fd));
    first.stop();
    const peer = kept(RawSocket.dial(raw.endpoint));
    peer.sendAtOnce(new Payload(10));
    const told = new Told();
    const again = Bun.listen<Told>({
      fd: spare,
      socket: {
        ...handlers,
        open(socket) {
          socket.data = told;
          told.opened(socket);
        },
      },
    });
    kept({ [Symbol.dispose]: () => again.stop(true) });
    await until(() => told.length === 10, "the client that waited");
  });

  test("an error that a handler throws goes to `error`, and the socket stays open", async () => {
    const errors: unknown[] = [];
    const path = pathOf(unixPlace());
    const listener = Bun.listen({
      unix: path,
      socket: {
        data(socket, chunk) {
          if (errors.length === 0) throw new Error("a bug");
          socket.write(chunk);
        },
        error: (_, error) => void errors.push(error.message),
      },
    });
    kept({ [Symbol.dispose]: () => listener.stop(true) });
    const peer = kept(await RawSocket.connect({ kind: "unix", path }));
    peer.sendAtOnce(new Payload(10));
    await until(() => errors.length > 0, "error");
    peer.sendAtOnce(new Payload(10));
    expect(await peer.read(10)).toEqual(new Payload(10).received());
    expect(errors).toEqual(["a bug"]);
  });
});

/** A port where nobody listens. */
function freePort(): number {
  using listener = new RawListener(LOOPBACK);
  return listener.endpoint.kind === "tcp" ? listener.endpoint.port : 0;
}

describe("Worker", () => {
  /** A thread that does what it is told. */
  function startThread() {
    const worker = new Worker(new URL("../support/threads/listening-thread.ts", import.meta.url));
    kept({ [Symbol.dispose]: () => worker.terminate() });
    const ended = new Promise<string>((resolve) => {
      worker.onerror = ({ message }) => resolve(message);
    });
    const perform = (task: Task) =>
      new Promise<void>((resolve) => {
        worker.onmessage = () => resolve();
        worker.postMessage(task);
      });
    return { perform, ended };
  }

  /** A client that a thread has accepted. */
  async function accepted(listener: RawListener): Promise<RawSocket> {
    const client = kept(await RawSocket.connect(listener.endpoint));
    await client.read(1);
    return client;
  }

  test("stop() closes the descriptor for every thread, so that each needs its own", async () => {
    const raw = kept(new RawListener(LOOPBACK));
    const own = must("dup", system.duplicate(raw.fd));
    const [first, second] = [startThread(), startThread()];
    await first.perform({ kind: "listen", fd: own, duplicate: false });
    await second.perform({ kind: "listen", fd: raw.fd, duplicate: true });
    await first.perform({ kind: "stop" });
    expect(system.getOption(own, SOL_SOCKET, SO_TYPE)).toBeLessThan(0);
    await accepted(raw);
  });

  test.each([
    { reset: false, ending: "end" },
    { reset: true, ending: "ECONNRESET" },
  ] as const)(
    "that dies closes its sockets: `exit` is told before, reset: $reset",
    async ({ reset, ending }) => {
      const raw = kept(new RawListener(LOOPBACK));
      const thread = startThread();
      await thread.perform({ kind: "listen", fd: raw.fd, duplicate: true });
      const client = await accepted(raw);
      void thread.perform({ kind: "end", reset });
      expect(await client.readToEnd()).toMatchObject({ ending });
      expect(await thread.ended).toMatch(/^error: the end of this thread$/m);
    },
  );
});
