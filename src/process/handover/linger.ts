import type { FromLater } from "./messages.ts";
import { ParentProcess } from "./parent-process.ts";
import type { Reaper } from "./reaper.ts";
import type { Successor } from "./start-successor.ts";

/** How often to report the number of open connections to the newest process, in milliseconds. */
const REPORT_PERIOD = 1_000;

/** The relays of a process that has handed over. */
export interface LeftRelays {
  readonly connections: number;
  /** Ends the connections within `drainTimeout`; by default within the relays' own limit. */
  stop(patience: { readonly drainTimeout?: number }): Promise<void>;
}

/** A process after its handover. */
export interface Remainder {
  readonly relays: LeftRelays;
  /** Settles when the last connection has ended. */
  readonly left: Promise<unknown>;
  readonly successor: Successor;
  /** Requests to stop: the first one, and a second one. */
  readonly requests: { readonly asked: Promise<void>; readonly askedAgain: Promise<void> };
  /** Null unless this is the first process, which is the parent of all later ones. */
  readonly reaper: Reaper | null;
}

/**
 * Goes on after a handover until the last connection has ended; the first process, as the parent,
 * goes on until all later processes have ended. Returns the exit status; the parent's is that of
 * the last process.
 *
 * A request to stop, to this process or to the newest one, ends the connections within the drain
 * timeout. The end of all later processes does the same.
 */
export async function linger(remainder: Remainder): Promise<number> {
  const { left, successor, requests, reaper } = remainder;
  const parent = reaper && new ParentProcess(reaper, successor);
  const lingering = new Lingering(remainder, parent);
  const stop = (times: number, drainTimeout?: number) => {
    lingering.stop(drainTimeout);
    // The first process must pass requests on: whoever started it knows no other process.
    if (parent !== null) successor.send({ kind: "asked", times });
  };
  void requests.asked.then(() => stop(1));
  void requests.askedAgain.then(() => stop(2, 0));
  await left;
  lingering.over();
  if (parent === null) return 0;
  // The process now only waits, so free the memory that the connections used.
  Bun.gc(true);
  return await parent.ended();
}

/** Talks with the newest process. */
class Lingering {
  readonly #relays: LeftRelays;
  readonly #successor: Successor;
  readonly #reports: Timer;
  /** The number of connections last reported to the newest process; -1 before the first report. */
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

  /** Ends the connections within a drain timeout; undefined means the process's own limit. */
  stop(drainTimeout?: number): void {
    void this.#relays.stop(drainTimeout === undefined ? {} : { drainTimeout });
  }

  /** The last connection has ended. */
  over(): void {
    clearInterval(this.#reports);
    this.#report();
  }

  #heard(message: FromLater): void {
    if (message.kind === "stop") this.stop(message.drainTimeout ?? undefined);
    if (message.kind !== "newest") return;
    // A newer process asks. It has received no report yet.
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
