import type { Reaper } from "./reaper.ts";

/**
 * What the first process is for those that follow, where no service manager is: their parent. Whoever
 * started the first process knows no other.
 */
export class ParentProcess {
  readonly #reaper: Reaper;
  readonly #statuses = new Map<number, Promise<number>>();
  readonly #alone = Promise.withResolvers<void>();
  #newest = 0;

  constructor(reaper: Reaper, { pid }: { readonly pid: number }) {
    this.#reaper = reaper;
    this.adopt(pid);
  }

  /** That process has the place now. */
  adopt(pid: number): void {
    this.#newest = pid;
    if (!this.#statuses.has(pid)) this.#statuses.set(pid, this.#reaper.ended(pid));
  }

  /** No process is left that could name a newer one. */
  channelClosed(): void {
    this.#alone.resolve();
  }

  /** Settles when all of them have ended, with the exit status of the last that had the place. */
  async ended(): Promise<number> {
    await this.#alone.promise;
    await Promise.all(this.#statuses.values());
    return (await this.#statuses.get(this.#newest)) ?? 0;
  }
}
