import { INT_MAX } from "../../os/int-max.ts";
import type { ConnectionList } from "./connection-list.ts";
import type { Connection } from "./connection.ts";
import { cutOff } from "./settle-connection.ts";
import { processStoodStill } from "../../os/detect-standstill.ts";
import type { DrainLimits } from "../limits/drain-time-limits.ts";
import { IdleTimeout } from "./idle-timeout.ts";

/**
 * Lets a stopped relay wait until its open connections have ended. Cuts all connections (`cutOff`)
 * when `drainTimeout` is over, and cuts a connection on which no byte has moved for
 * `standstillTimeout`. If the process stood still (`processStoodStill`), both times start again.
 */
export class Drain {
  /** The number of connections that the stop has cut (`cutOff`). */
  cut = 0;
  readonly #connections: ConnectionList<Connection>;
  readonly #done = Promise.withResolvers<void>();
  /** True from the call of `run` until the last connection has ended. */
  #running = false;
  #drainTimeout = Infinity;
  /** The time at which `#drainTimeout` is over, by `performance.now()`. */
  #until = Infinity;
  #standstillTimeout = Infinity;
  /**
   * Cuts the connections on which no byte moves for `#standstillTimeout`; null before `run`, and
   * while `#standstillTimeout` is Infinity.
   */
  #still: IdleTimeout | null = null;
  #timer: Timer | undefined;

  constructor(connections: ConnectionList<Connection>) {
    this.#connections = connections;
  }

  /**
   * Sets the time limits, also for a wait that has already begun. A later call can only make a
   * limit shorter.
   */
  shorten({ drainTimeout, standstillTimeout }: DrainLimits): void {
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

  /** Waits until no connection is left. */
  async run(): Promise<void> {
    this.#running = true;
    this.#wait();
    await this.#done.promise;
    this.#running = false;
  }

  /**
   * Ends the wait of `run` if no connection is left. The relay must call this after each end of a
   * connection.
   */
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
      this.#still = new IdleTimeout(this.#connections, {
        after: this.#standstillTimeout,
        concerns: () => true,
        end: (connection) => this.#cut(connection),
      });
  }

  #timeUp(due: number, delay: number): void {
    const now = performance.now();
    if (processStoodStill(now - due, delay)) this.#until = now + this.#drainTimeout;
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
