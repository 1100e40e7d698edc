import { errnoWords } from "../../os/errno.ts";
import type { Observer } from "../observer.ts";
import { type DescriptorWatcher, watchDescriptors } from "./descriptor-probe.ts";
import type { PausableListener } from "./pausable-listener.ts";

// A shortage comes and goes many times; how often it is told, in milliseconds.
const SAY_AGAIN = 60_000;

/**
 * Decides when clients are taken in. At the limit of open connections, or when the system has no
 * descriptor left, the listener pauses, and further clients wait in the kernel's queue.
 *
 * Running out of descriptors must be prevented, and noticed where another part of the system causes
 * it, because Bun then accepts in vain as fast as it can (oven-sh/bun pull 32705).
 */
export class Admission implements Disposable, DescriptorWatcher {
  readonly #max: number;
  readonly #listening: Pick<PausableListener, "pause" | "resume">;
  readonly #observer: Observer;
  readonly #watch: Disposable;
  #full = false;
  #exhausted = false;
  readonly #holders = new Set<string>();
  #silentUntil = 0;

  constructor(
    max: number,
    listening: Pick<PausableListener, "pause" | "resume">,
    observer: Observer,
  ) {
    this.#max = max;
    this.#listening = listening;
    this.#observer = observer;
    this.#watch = watchDescriptors(this);
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  /** Whether a further client may be taken in; false only where the listener cannot pause. */
  admits(open: number): boolean {
    return open < this.#max;
  }

  /** After a client was taken in. */
  opened(open: number): void {
    if (this.#full || open < this.#max) return;
    this.#full = this.#listening.pause();
    if (this.#full) this.#observer.full(open);
  }

  /** After a connection has ended. */
  closed(open: number): void {
    if (!this.#full || open >= this.#max) return;
    this.#full = false;
    this.#resume();
  }

  /** Leaves further clients in the kernel's queue until each holder has released. */
  hold(holder: string): void {
    if (this.#listening.pause()) this.#holders.add(holder);
  }

  release(holder: string): void {
    if (this.#holders.delete(holder)) this.#resume();
  }

  get isShort(): boolean {
    return this.#exhausted;
  }

  /** A descriptor was wanted and not to be had. */
  short(code: string): void {
    if (this.#exhausted) return;
    this.#exhausted = this.#listening.pause();
    const now = performance.now();
    if (now < this.#silentUntil) return;
    this.#silentUntil = now + SAY_AGAIN;
    this.#observer.warning(
      `no descriptor is left (${errnoWords(code)}): further clients wait` +
        (code === "EMFILE" ? "; raise the limit of open files (LimitNOFILE=, ulimit -n)" : ""),
    );
  }

  plenty(): void {
    this.#resume();
  }

  #resume(): void {
    // Where that fails for want of a descriptor, the next look tries again.
    if (this.#full || this.#holders.size > 0) return;
    this.#exhausted = !this.#listening.resume();
  }
}
