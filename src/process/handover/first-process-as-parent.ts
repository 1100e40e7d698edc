import type { Reaper } from "./reap-orphans.ts";

/**
 * Waits, in the first process, for the exit statuses of all later processes. The first process
 * needs this object only if there is no service manager. Without a service manager, the first
 * process must run until the last process has ended, because the user or program that started the
 * first process knows no other process.
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

  /** Notes that the process with the id `pid` is now the newest process. */
  adopt(pid: number): void {
    this.#newest = pid;
    if (!this.#statuses.has(pid)) this.#statuses.set(pid, this.#reaper.ended(pid));
  }

  /**
   * Notes that the channel to the later processes has closed. No later process is left then, so
   * `adopt` is not called again.
   */
  channelClosed(): void {
    this.#alone.resolve();
  }

  /** Waits until all later processes have ended. Returns the exit status of the newest process. */
  async ended(): Promise<number> {
    await this.#alone.promise;
    await Promise.all(this.#statuses.values());
    return (await this.#statuses.get(this.#newest)) ?? 0;
  }
}
