import { describe, expect, test } from "bun:test";
import type { SocketHandler } from "bun";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { must, system } from "../../support/process/system-calls.ts";
import { until } from "../../support/waiting.ts";
import { bunSockets, handlers, pathOf, Told } from "./bun-sockets.ts";

const { kept, unixPlace } = bunSockets();

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
