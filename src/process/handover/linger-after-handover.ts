import type { FromLater } from "./handover-messages.ts";
import { type KilledProcess, ParentProcess } from "./first-process-as-parent.ts";
import type { Reaper } from "./reap-orphans.ts";
import type { Successor } from "./start-successor.ts";

/**
 * The time, in milliseconds, between two reports to the newest process. A report has the number of
 * this process's open connections.
 */
const REPORT_PERIOD = 1_000;

/** The relays of a process that has handed over. They accept no clients any more. */
export interface LeftRelays {
  readonly connections: number;
  /**
   * Ends the connections within `drainTimeout` milliseconds. If `drainTimeout` is absent, the
   * relays use their own drain timeout.
   */
  stop(limits: { readonly drainTimeout?: number }): Promise<void>;
}

/** The parts of a process that remain after its handover. */
export interface Remainder {
  readonly relays: LeftRelays;
  /**
   * Settles when the last connection of the relays has ended, and the admin and the metrics server
   * have answered their last client.
   */
  readonly left: Promise<unknown>;
  readonly successor: Successor;
  /**
   * The requests to stop this process: `asked` settles at the first request, `askedAgain` at the
   * second.
   */
  readonly requests: { readonly asked: Promise<void>; readonly askedAgain: Promise<void> };
  /**
   * Collects the exit statuses of later processes; null unless this process is the first process
   * and stays as the parent of all later processes.
   */
  readonly reaper: Reaper | null;
  /** Called in the first process when a signal has ended a later process. */
  readonly killed: (killed: KilledProcess) => void;
}

/**
 * Keeps this process running after a handover until its last connection has ended. The first
 * process, if it is the parent of all later processes, also waits until these processes have ended.
 * Returns the exit status of this process: the parent returns the exit status of the newest
 * process, every other process returns 0.
 *
 * The connections of this process are ended within the drain timeout if this process or the newest
 * process is asked to stop, or if all later processes have ended. A second request to stop resets
 * these connections at once.
 */
export async function lingerAfterHandover(remainder: Remainder): Promise<number> {
  const { left, successor, requests, reaper, killed } = remainder;
  const parent = reaper && new ParentProcess(reaper, successor, killed);
  const lingering = new Lingering(remainder, parent);
  const stop = (times: number, drainTimeout?: number) => {
    lingering.stop(drainTimeout);
    // Pass the request to stop on to the newest process, because the user or program that sent the
    // request may know only the first process.
    if (parent !== null) successor.send({ kind: "asked", times });
  };
  void requests.asked.then(() => stop(1));
  void requests.askedAgain.then(() => stop(2, 0));
  await left;
  lingering.over();
  if (parent === null) return 0;
  // Free the memory that the connections used, because this process now only waits for other
  // processes.
  Bun.gc(true);
  return await parent.ended();
}

/**
 * Reports the number of open connections to the newest process, and obeys the messages of later
 * processes.
 */
class Lingering {
  readonly #relays: LeftRelays;
  readonly #successor: Successor;
  readonly #reports: Timer;
  /**
   * The number of connections in the last report to the newest process; -1 if the newest process
   * has received no report yet.
   */
  #reported = -1;

  constructor({ relays, successor }: Remainder, parent: ParentProcess | null) {
    this.#relays = relays;
    this.#successor = successor;
    this.#reports = setInterval(() => this.#report(), REPORT_PERIOD);
    successor.follow({
      message: (message) => {
        this.#heard(message);
        if (message.kind === "newest") parent?.adopt(message.pid);
      },
      gone: () => {
        this.stop();
        parent?.channelClosed();
      },
    });
    this.#report();
  }

  /**
   * Ends the connections within `drainTimeout` milliseconds. If `drainTimeout` is undefined, the
   * process's own drain timeout applies.
   */
  stop(drainTimeout?: number): void {
    void this.#relays.stop(drainTimeout === undefined ? {} : { drainTimeout });
  }

  /** Stops the periodic reports, and reports that no connection is left. */
  over(): void {
    clearInterval(this.#reports);
    this.#report();
  }

  #heard(message: FromLater): void {
    if (message.kind === "stop") this.stop(message.drainTimeout ?? undefined);
    if (message.kind !== "newest") return;
    // Report the number of connections even if it has not changed, because another process is now
    // the newest and has received no report yet.
    this.#reported = -1;
    this.#report();
  }

  #report(): void {
    const { connections } = this.#relays;
    if (connections === this.#reported) return;
    this.#reported = connections;
    this.#successor.send({ kind: "open", connections });
  }
}
