import type { Observer, ReachedLimit } from "../observer.ts";
import { type DescriptorWatcher, watchDescriptors } from "./watch-for-free-descriptors.ts";
import type { PausableListener } from "./pausable-listener.ts";

/**
 * Decides when the relay accepts clients. The listener pauses at the limit of open connections,
 * when no descriptor is left, and while another part of the program wants a pause (`pauseFor`).
 * Further clients wait in the kernel's queue.
 *
 * The relay must prevent a shortage of descriptors, and must notice a shortage that another program
 * causes, because without a free descriptor Bun retries accept in a busy loop (oven-sh/bun pull
 * 32705).
 */
export class LimitPause implements Disposable, DescriptorWatcher {
  readonly #max: number;
  readonly #listening: Pick<PausableListener, "pause" | "resume">;
  readonly #observer: Observer;
  readonly #count: () => number;
  readonly #watch: Disposable;
  #full = false;
  #exhausted = false;
  /**
   * The names of the parts of the program that have paused the listener (the holders, see
   * `pauseFor`), each with the reason that was reported to the observer; undefined if none was
   * reported.
   */
  readonly #holders = new Map<string, ReachedLimit | undefined>();
  /** The reasons for which the observer was told that a pause began, and not yet that it ended. */
  readonly #reasons = new Set<ReachedLimit>();

  /** @param count - returns the number of open connections */
  constructor(
    max: number,
    listening: Pick<PausableListener, "pause" | "resume">,
    observer: Observer,
    count: () => number,
  ) {
    this.#count = count;
    this.#max = max;
    this.#listening = listening;
    this.#observer = observer;
    this.#watch = watchDescriptors(this);
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    for (const reason of this.#reasons) this.#report(reason, false);
  }

  /**
   * Pauses the listener if the limit is now reached. Called after a client was admitted; `open` is
   * the number of open connections.
   */
  opened(open: number): void {
    if (this.#full || open < this.#max) return;
    this.#full = this.#listening.pause();
    this.#report("own", this.#full);
    if (this.#full) this.#observer.full(open, "own");
  }

  /**
   * Resumes the listener if it was paused at the limit and fewer connections are open now. Called
   * after a connection has ended; `open` is the number of open connections.
   */
  closed(open: number): void {
    if (!this.#full || open >= this.#max) return;
    this.#full = false;
    this.#report("own", false);
    this.#resume();
  }

  /**
   * Pauses the listener. New clients stay in the kernel's queue at least until `resumeFor` is
   * called with the same `holder`.
   *
   * @param holder - the name of the part of the program that wants the pause
   * @param reason - the reason that is reported to the observer; undefined to report nothing
   */
  pauseFor(holder: string, reason?: ReachedLimit): void {
    if (!this.#listening.pause()) return;
    this.#holders.set(holder, reason);
    if (reason !== undefined) this.#report(reason, true);
  }

  resumeFor(holder: string): void {
    const reason = this.#holders.get(holder);
    if (!this.#holders.delete(holder)) return;
    if (reason !== undefined) this.#report(reason, false);
    this.#resume();
  }

  /** Whether the listener is paused because the maximum number of connections is open. */
  get isFull(): boolean {
    return this.#full;
  }

  get isExhausted(): boolean {
    return this.#exhausted;
  }

  /** Pauses the listener, because no descriptor is left. */
  descriptorsExhausted(): void {
    if (this.#exhausted) return;
    this.#exhausted = this.#listening.pause();
    this.#report("descriptors", this.#exhausted);
    if (this.#exhausted) this.#observer.full(this.#count(), "descriptors");
  }

  descriptorsAvailable(): void {
    this.#resume();
  }

  #resume(): void {
    // Resume only if no other reason for a pause is left. If the listener cannot resume because no
    // descriptor is free, the next check of `watchDescriptors` tries again.
    if (this.#full || this.#holders.size > 0) return;
    this.#exhausted = !this.#listening.resume();
    this.#report("descriptors", this.#exhausted);
  }

  /** Reports that a pause has begun or ended, if this was not reported already. */
  #report(reason: ReachedLimit, isPaused: boolean): void {
    if (this.#reasons.has(reason) === isPaused) return;
    if (isPaused) this.#reasons.add(reason);
    else this.#reasons.delete(reason);
    this.#observer.acceptingPaused(reason, isPaused ? 1 : -1);
  }
}
