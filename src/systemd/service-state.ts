import type { SocketEndpoint } from "../address/address.ts";
import { printAddress } from "../address/address.ts";
import type { Observer } from "../relay/observer.ts";
import { INT_MOST } from "../os/int-most.ts";
import type { Notifier } from "./notify-socket.ts";
import { STOP_MARGIN } from "./stop-margin.ts";

// A status is read by people: more often than this it need not change.
const STATUS_PAUSE = 1_000;

/**
 * Keeps the service manager informed of a process: ready once all relays accept, how many
 * connections they carry and the last failure as the status, and that they stop. `dispose` ends the
 * watchdog's and the status' timers.
 */
export class ServiceState implements Disposable {
  readonly #notifier: Notifier;
  readonly #drainTimeout: number;
  readonly #watchdog: Timer | undefined;
  #status: Timer | undefined;
  /** Whether the relays' threads were asked and have not all answered. */
  #asking = false;
  #open = 0;
  #served = 0;
  /** How many connections earlier processes of the service still have. */
  #elsewhere = 0;
  /** Of each relay whose destination could not be reached lately, how that goes on. */
  readonly #failures = new Set<Failing>();
  /** Relays whose Unix source has lost its file. */
  #sourcesLost = 0;

  /** `responds` settles once every thread that relays has answered; until then no watchdog is fed. */
  constructor(
    notifier: Notifier,
    watchdogPeriod: number | null,
    drainTimeout: number,
    responds: () => Promise<void>,
  ) {
    this.#notifier = notifier;
    this.#drainTimeout = drainTimeout;
    if (watchdogPeriod !== null)
      this.#watchdog = setInterval(() => void this.#feedWatchdog(responds), watchdogPeriod);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
    clearTimeout(this.#status);
  }

  /** An observer for one more relay of the process. */
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
      sourceLost: () => {
        this.#sourcesLost += 1;
        this.#tellSoon();
      },
      sourceBack: () => {
        this.#sourcesLost -= 1;
        this.#tellSoon();
      },
    };
  }

  /** All relays listen. */
  ready(sources: readonly SocketEndpoint[]): void {
    const [only] = sources.length === 1 ? sources : [];
    const where = only === undefined ? `${sources.length} sources` : printAddress(only);
    this.#notifier.notify({
      READY: "1",
      STATUS: `listening on ${where}`,
      // After a handover the manager last heard from another process, perhaps a whole period ago.
      ...(this.#watchdog !== undefined && { WATCHDOG: "1" }),
    });
  }

  /** The relays accept nobody any more, and wait for `open` connections to end. */
  stopping(open: number): void {
    this.#notifier.notify({
      STOPPING: "1",
      STATUS: `draining: ${open} open`,
      EXTEND_TIMEOUT_USEC: String((this.#drainTimeout + STOP_MARGIN) * 1_000),
    });
  }

  /** Earlier processes of the service, which handed over, still have `open` connections. */
  openElsewhere(open: number): void {
    if (this.#elsewhere === open) return;
    this.#elsewhere = open;
    this.#tellSoon();
  }

  async #feedWatchdog(responds: () => Promise<void>): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    await responds();
    this.#asking = false;
    this.#notifier.notify({ WATCHDOG: "1" });
  }

  #count(change: 1 | -1): void {
    this.#open += change;
    if (change > 0) this.#served += 1;
    this.#tellSoon();
  }

  /** Sends the status, soon. */
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
    const lost = this.#sourcesLost > 0 ? "; a source's file is gone: nobody can connect" : "";
    const elsewhere = this.#elsewhere === 0 ? "" : `, ${this.#elsewhere} open in earlier processes`;
    return `${this.#open} open, ${this.#served} served${elsewhere}${failures.join("")}${lost}`;
  }
}

/** A destination that cannot be reached. */
interface Failing {
  /** The first client that failed since the destination was last reached. */
  readonly since: Date;
  clients: number;
  /** What happened to the last client. */
  message: string;
}

/**
 * How often the manager wants to hear that the service is alive, in milliseconds: half of
 * WATCHDOG_USEC (sd_watchdog_enabled(3)); null where it does not, or asks another process.
 */
export function takeWatchdogPeriod(env: NodeJS.ProcessEnv, pid: number): number | null {
  const microseconds = env["WATCHDOG_USEC"] ?? "";
  const forPid = env["WATCHDOG_PID"];
  delete env["WATCHDOG_USEC"];
  delete env["WATCHDOG_PID"];
  if (forPid !== undefined && Number(forPid) !== pid) return null;
  if (!/^[1-9]\d{0,15}$/.test(microseconds)) return null;
  return Math.min(Math.max(1, Number(microseconds) / 2_000), INT_MOST);
}
