import type { ReachedLimit } from "../relay/observer.ts";

/**
 * Finds out from the pauses of a relay's threads when the relay accepts no clients. A thread that
 * has reached its part of a limit pauses, but the relay accepts clients as long as another thread
 * does: all threads accept from the same queue. The relay pauses only while all its threads pause.
 */
export class PausesOfThreads {
  /** For each thread, the reasons for which the thread accepts no clients. */
  readonly #threads: readonly Set<ReachedLimit>[];
  readonly #report: (reason: ReachedLimit, change: number) => void;
  /** The reasons for which the relay accepts no clients, as they were reported. */
  readonly #reported = new Set<ReachedLimit>();

  /** @param report - see `acceptingPaused` of `Observer` */
  constructor(threads: number, report: (reason: ReachedLimit, change: number) => void) {
    this.#threads = Array.from({ length: threads }, () => new Set<ReachedLimit>());
    this.#report = report;
  }

  /**
   * Notes that a reason of one thread has begun (`change` is 1) or ended (-1), and reports the
   * changes for the whole relay.
   */
  changed(thread: number, reason: ReachedLimit, change: number): void {
    if (change > 0) this.#threads[thread]?.add(reason);
    else this.#threads[thread]?.delete(reason);
    const reasons = this.#reasonsOfRelay();
    for (const ended of this.#reported.difference(reasons)) {
      this.#reported.delete(ended);
      this.#report(ended, -1);
    }
    for (const begun of reasons.difference(this.#reported)) {
      this.#reported.add(begun);
      this.#report(begun, 1);
    }
  }

  /** The reasons of all threads while every thread pauses; none while a thread accepts clients. */
  #reasonsOfRelay(): ReadonlySet<ReachedLimit> {
    return this.#threads.every(({ size }) => size > 0)
      ? new Set(this.#threads.flatMap((reasons) => [...reasons]))
      : new Set();
  }
}
