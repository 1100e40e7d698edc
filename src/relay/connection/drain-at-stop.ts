import { INT_MAX } from "../../os/int-max.ts";
import { type Connection, cutOff } from "./connection.ts";
import { stoodStill } from "../late-timer.ts";
import type { StopPatience } from "../stop-patience.ts";
import { StillConnections } from "./still-connections.ts";

/**
 * Lets a stopped relay wait for its open connections, and cuts those for which its patience is up. If
 * the process stood still, both times start anew.
 */
export class Drain {
  /** Connections that the stop cut. */
  cut = 0;
  readonly #connections: ReadonlySet<Connection>;
  readonly #done = Promise.withResolvers<void>();
  /** From `run` until the last connection has ended. */
  #running = false;
  #drainTimeout = Infinity;
  /** When `#drainTimeout` is up, by `performance.now()`. */
  #until = Infinity;
  #standstillTimeout = Infinity;
  /** Cuts connections on which nothing moves; null before `run`, and if that is not limited. */
  #still: StillConnections | null = null;
  #timer: Timer | undefined;

  constructor(connections: ReadonlySet<Connection>) {
    this.#connections = connections;
  }

  /** Limits the wait, also one that is running. It can only become shorter. */
  shorten({ drainTimeout, standstillTimeout }: StopPatience): void {
    const until = performance.now() + drainTimeout;
    if (until < this.#until) {
      this.#drainTimeout = drainTimeout;
      this.#until = until;
    }
    if (standstillTimeout < this.#standstillTimeout) {
      this.#standstillTimeout = standstillTimeout;
      this.#still?.[Symbol.dispose]();
      this.#still = null;
    }
    if (this.#running) this.#wait();
  }

  /** Settles when no connection is left. */
  async run(): Promise<void> {
    this.#running = true;
    this.#wait();
    await this.#done.promise;
    this.#running = false;
  }

  /** To be called when a connection has ended. */
  connectionEnded(): void {
    if (this.#running && this.#connections.size === 0) this.#finish();
  }

  #wait(): void {
    if (this.#connections.size === 0) return this.#finish();
    clearTimeout(this.#timer);
    const now = performance.now();
    if (now >= this.#until) return this.#cutAll();
    const delay = Math.min(this.#until - now, INT_MAX);
    this.#timer = setTimeout(() => this.#timeUp(now + delay, delay), delay);
    if (this.#still === null && this.#standstillTimeout < Infinity)
      this.#still = new StillConnections(this.#connections, {
        after: this.#standstillTimeout,
        concerns: () => true,
        end: (connection) => this.#cut(connection),
      });
  }

  #timeUp(due: number, delay: number): void {
    const now = performance.now();
    if (stoodStill(now - due, delay)) this.#until = now + this.#drainTimeout;
    this.#wait();
  }

  #cutAll(): void {
    for (const connection of this.#connections) this.#cut(connection);
  }

  #cut(connection: Connection): void {
    if (cutOff(connection)) this.cut += 1;
  }

  #finish(): void {
    clearTimeout(this.#timer);
    this.#still?.[Symbol.dispose]();
    this.#done.resolve();
  }
}
