import { rmSync } from "node:fs";
import type { SocketEndpoint } from "../../../src/index.ts";
import { RawListener, type RawSocket } from "../sockets/raw-socket.ts";
import { must, POLLIN, system } from "../process/system-calls.ts";
import { eventsOf } from "../waiting.ts";
import { readHello } from "./hello.ts";

const BACKLOG = 1_024;
const SHUT_RD = 0;
const DAY = 86_400_000;

/** A client's wait for its destination. */
export interface Expectation {
  /** The destination's end of the connection; null where it never came and is given up. */
  readonly end: Promise<RawSocket | null>;
  /** Ends the wait. */
  giveUp(): void;
}

/** Where a relay leads to. It can go away and come back, and knows whose connection is whose. */
export class Destination implements AsyncDisposable {
  readonly endpoint: SocketEndpoint;
  readonly #expected = new Map<number, (end: RawSocket | null) => void>();
  readonly #greetings = new Set<Promise<void>>();
  #listener: RawListener;
  #accepting: Promise<void>;
  #present = true;
  /** When it last came back, in milliseconds of `performance.now()`. */
  #returned = -Infinity;

  constructor(endpoint: SocketEndpoint) {
    this.endpoint = endpoint.kind === "tcp" ? withPort(endpoint) : endpoint;
    this.#listener = new RawListener(this.endpoint, BACKLOG);
    this.#accepting = this.#accept(this.#listener);
  }

  /** The end of the connection that begins with this number. */
  expect(id: number): Expectation {
    const { promise, resolve } = Promise.withResolvers<RawSocket | null>();
    this.#expected.set(id, resolve);
    return {
      end: promise,
      giveUp: () => {
        if (this.#expected.delete(id)) resolve(null);
      },
    };
  }

  /** Whether it has been away at any time since. */
  wasAwaySince(time: number): boolean {
    return !this.#present || this.#returned >= time;
  }

  /** Refuses clients, those of its queue included; a Unix socket's file goes, or stays as stale. */
  leave(keepFile: boolean): void {
    this.#present = false;
    const { endpoint } = this;
    // A port that does not listen is still nobody else's.
    if (endpoint.kind === "tcp") must("shutdown", system.shutdown(this.#listener.fd, SHUT_RD));
    else this.#listener.close();
    if (endpoint.kind === "unix" && !keepFile) rmSync(endpoint.path);
  }

  /** Takes clients again. */
  async comeBack(): Promise<void> {
    if (this.#present) return;
    await this.#accepting;
    const { endpoint } = this;
    if (endpoint.kind === "unix") rmSync(endpoint.path, { force: true });
    if (endpoint.kind === "tcp") must("listen", system.listen(this.#listener.fd, BACKLOG));
    else this.#listener = new RawListener(endpoint, BACKLOG);
    this.#present = true;
    this.#returned = performance.now();
    this.#accepting = this.#accept(this.#listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#present = false;
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#greetings);
  }

  async #accept(listener: RawListener): Promise<void> {
    for (;;) {
      await eventsOf(listener.fd, POLLIN, "a client", DAY);
      for (;;) {
        if (!this.#present) return;
        const end = listener.tryAccept();
        if (end === null) break;
        const greeting = this.#greet(end).finally(() => this.#greetings.delete(greeting));
        this.#greetings.add(greeting);
      }
    }
  }

  async #greet(end: RawSocket): Promise<void> {
    const id = await readHello(end);
    const arrived = id === null ? undefined : this.#expected.get(id);
    // Its client has failed, or left without waiting for it.
    if (id === null || arrived === undefined) return end.close();
    this.#expected.delete(id);
    arrived(end);
  }
}

/** A port that is free now. A socket that asks for it by its number keeps it until it is closed. */
function withPort(endpoint: SocketEndpoint): SocketEndpoint {
  using probe = new RawListener(endpoint);
  return probe.endpoint;
}
