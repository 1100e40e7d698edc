import type { FromLater } from "./messages.ts";
import { ParentProcess } from "./parent-process.ts";
import type { Reaper } from "./reaper.ts";
import type { Successor } from "./start-successor.ts";

/** How often the newest process is told how many connections are left, in milliseconds. */
const REPORT_PERIOD = 1_000;

/** The relays of a process that has handed over. */
export interface LeftRelays {
  readonly connections: number;
  /** Ends the connections by a drain timeout; by the relays' own if none is given. */
  stop(patience: { readonly drainTimeout?: number }): Promise<void>;
}

/** A process that has handed over. */
export interface Remainder {
  readonly relays: LeftRelays;
  /** Settles when the last connection has ended. */
  readonly left: Promise<unknown>;
  readonly successor: Successor;
  /** Settle when this process is asked to stop, and when it is asked again. */
  readonly requests: { readonly asked: Promise<void>; readonly askedAgain: Promise<void> };
  /** Null unless this is the first process, and the parent of all that follow. */
  readonly reaper: Reaper | null;
}

/**
 * Goes on after a handover until the last connection has ended; the first process, as the parent,
 * until all later ones have ended. Gives the exit status: the parent's is that of the last process.
 *
 * A stop ends the connections by the drain timeout, if it was asked of this process or of the newest.
 * So does the end of all later processes.
 */
export async function linger(remainder: Remainder): Promise<number> {
  const { left, successor, requests, reaper } = remainder;
  const parent = reaper && new ParentProcess(reaper, successor);
  const lingering = new Lingering(remainder, parent);
  const stop = (times: number, drainTimeout?: number) => {
    lingering.stop(drainTimeout);
    // Who started the first process knows no other.
    if (parent !== null) successor.send({ kind: "asked", times });
  };
  void requests.asked.then(() => stop(1));
  void requests.askedAgain.then(() => stop(2, 0));
  await left;
  lingering.over();
  if (parent === null) return 0;
  // Nothing is left to do but to wait: what the connections took is given back.
  Bun.gc(true);
  return await parent.ended();
}

/** What the newest process hears of this one, and says to it. */
class Lingering {
  readonly #relays: LeftRelays;
  readonly #successor: Successor;
  readonly #reports: Timer;
  /** How many connections the newest process was told of last; -1 if it was told nothing yet. */
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

  /** Ends the connections by a drain timeout; by the process' own if undefined. */
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
    // A newer process asks, which was told nothing yet.
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
