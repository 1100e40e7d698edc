import type { Socket, SocketHandler } from "bun";
import { join } from "node:path";
import { errorCode } from "../../../src/os/errno.ts";
import type { SocketEndpoint } from "../../../src/index.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { encodeName, familyOf } from "../../support/sockets/socket-name.ts";
import { must, system } from "../../support/process/system-calls.ts";
import { turn, until } from "../../support/waiting.ts";
import { folderForTests } from "../../support/temporary-folder.ts";
import { disposeAfterEach } from "../../support/dispose-after-each.ts";

// What Bun's sockets do and the relay relies on, or must work around. Bun documents little of it: a
// failure here after a change of Bun says which part of src/relay to look at again.

/** A TCP socket on loopback, at a port that the kernel chooses. */
export const LOOPBACK = {
  kind: "tcp",
  host: "127.0.0.1",
  port: 0,
} as const satisfies SocketEndpoint;
export const HALF_MIB = 512 * 1024;

/** A socket of Bun's and what it was told. */
export class Told {
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

/** Handlers that tell `Told` of each event. */
export const handlers: SocketHandler<Told, "uint8array"> = {
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

/** The path of a Unix socket. */
export function pathOf(place: SocketEndpoint): string {
  if (place.kind !== "unix") throw new Error("no path");
  return place.path;
}

/** Makes Bun's sockets, which are closed after the test that made them. */
export function bunSockets() {
  const folder = folderForTests("runtime-facts");
  let names = 0;

  function unixPlace(): SocketEndpoint & { readonly kind: "unix" } {
    return { kind: "unix", path: join(folder, String((names += 1))) };
  }

  const KINDS = [
    ["TCP", () => LOOPBACK],
    ["Unix", unixPlace],
  ] as const;

  const kept = disposeAfterEach();

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

  return { accepted, adopt, adopted, kept, KINDS, unixPlace };
}
