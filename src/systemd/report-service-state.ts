import type { SocketEndpoint } from "../address/address.ts";
import { printAddress } from "../address/address.ts";
import type { Observer, SourceLoss } from "../relay/observer.ts";
import type { Notifier } from "./notify-socket.ts";
import { STOP_MARGIN } from "./stop-margin.ts";
import type { Watchdog } from "./watchdog.ts";

// The least time between two status messages, in milliseconds. People read the status, so more
// messages would be useless.
const STATUS_PAUSE = 1_000;

/**
 * Reports the state of the process to the service manager: that all relays accept clients (ready),
 * that the process is stopping, and a status text with the number of connections and the last
 * failures. Owns the watchdog, which sends its own messages. `dispose` ends the watchdog and the
 * timer of the status.
 */
export class ServiceState implements Disposable {
  readonly #notifier: Notifier;
  readonly #drainTimeout: number;
  readonly #watchdog: Watchdog | null;
  #status: Timer | undefined;
  #open = 0;
  #served = 0;
  /**
   * The number of open connections in the service's earlier processes, which have handed over their
   * listening sockets.
   */
  #elsewhere = 0;
  /** One entry for each relay whose destination cannot be reached at present. */
  readonly #failures = new Set<Failing>();
  /**
   * One entry for each source that clients cannot reach any more. The entry says whether the socket
   * file or the network namespace is lost.
   */
  readonly #lost: SourceLoss[] = [];

  /** @param watchdog - null if the manager wants no watchdog messages from this process */
  constructor(notifier: Notifier, drainTimeout: number, watchdog: Watchdog | null) {
    this.#notifier = notifier;
    this.#drainTimeout = drainTimeout;
    this.#watchdog = watchdog;
  }

  [Symbol.dispose](): void {
    this.#watchdog?.[Symbol.dispose]();
    clearTimeout(this.#status);
  }

  /** Returns an observer for one relay of the process. Call this method once for each relay. */
  watch(): Partial<Observer> {
    let failing: Failing | null = null;
    return {
      opened: () => this.#count(1),
      closed: () => this.#count(-1),
      unreachable: (_connection, { message }) => {
        failing ??= { since: new Date(), clients: 0, message };
        failing.clients += 1;
        failing.message = message;
        this.#failures.add(failing);
      },
      reachedAgain: () => {
        if (failing !== null) this.#failures.delete(failing);
        failing = null;
        this.#tellSoon();
      },
      sourceLost: (what) => {
        this.#lost.push(what);
        this.#tellSoon();
      },
      sourceBack: (what) => {
        this.#lost.splice(this.#lost.indexOf(what), 1);
        this.#tellSoon();
      },
    };
  }

  /** Reports that all relays listen. */
  ready(sources: readonly SocketEndpoint[]): void {
    const [only] = sources.length === 1 ? sources : [];
    const where = only === undefined ? `${sources.length} sources` : printAddress(only);
    this.#notifier.notify({
      READY: "1",
      STATUS: `listening on ${where}`,
      // Send a watchdog message now, because after a handover the last watchdog message came from
      // the process that handed over, perhaps a whole watchdog period ago.
      ...(this.#watchdog !== null && { WATCHDOG: "1" }),
    });
  }

  /** Reports that the relays accept no new clients and wait for `open` connections to end. */
  stopping(open: number): void {
    this.#notifier.notify({
      STOPPING: "1",
      STATUS: `draining: ${open} open`,
      EXTEND_TIMEOUT_USEC: String((this.#drainTimeout + STOP_MARGIN) * 1_000),
    });
  }

  /**
   * Reports, in the next status, the number of connections that are open in the service's earlier
   * processes.
   */
  openElsewhere(open: number): void {
    if (this.#elsewhere === open) return;
    this.#elsewhere = open;
    this.#tellSoon();
  }

  #count(change: 1 | -1): void {
    this.#open += change;
    if (change > 0) this.#served += 1;
    this.#tellSoon();
  }

  /** Sends the status after at most `STATUS_PAUSE` milliseconds. */
  #tellSoon(): void {
    this.#status ??= setTimeout(() => {
      this.#status = undefined;
      this.#notifier.notify({ STATUS: this.#words() });
    }, STATUS_PAUSE);
  }

  #words(): string {
    const failures = Array.from(this.#failures, ({ since, clients, message }) => {
      const time = since.toISOString().slice(0, "2026-01-01T00:00".length);
      const failed = clients === 1 ? "1 client failed" : `${clients} clients failed`;
      return `; ${message}; ${failed} since ${time}Z`;
    });
    const [first] = this.#lost;
    const lost = first === undefined ? "" : `; a source's ${first} is gone: nobody can connect`;
    const elsewhere = this.#elsewhere === 0 ? "" : `, ${this.#elsewhere} open in earlier processes`;
    return `${this.#open} open, ${this.#served} served${elsewhere}${failures.join("")}${lost}`;
  }
}

/** A destination that cannot be reached. */
interface Failing {
  /** The time of the first failure since the destination was last reached. */
  readonly since: Date;
  clients: number;
  /** The message of the last failure. */
  message: string;
}
