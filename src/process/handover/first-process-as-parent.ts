import { constants } from "node:os";
import type { Reaper } from "./reap-orphans.ts";

// A child that a signal has ended has the exit status 128 plus the signal's number (`EndedChild`).
const BY_SIGNAL = 128;

/** A later process that a signal has ended. */
export interface KilledProcess {
  readonly pid: number;
  /** The name of the signal, such as `SIGKILL`. */
  readonly signal: string;
  /** Whether it was the newest process, the one that accepted the clients. */
  readonly wasNewest: boolean;
}

/**
 * Waits, in the first process, for the exit statuses of all later processes. The first process
 * needs this object only if there is no service manager. Without a service manager, the first
 * process must run until the last process has ended, because the user or program that started the
 * first process knows no other process.
 */
export class ParentProcess {
  readonly #reaper: Pick<Reaper, "ended">;
  readonly #killed: (killed: KilledProcess) => void;
  readonly #statuses = new Map<number, Promise<number>>();
  readonly #alone = Promise.withResolvers<void>();
  #newest = 0;

  /**
   * @param killed - called when a signal has ended a later process. The relay itself ends no
   *   process in this way, and a process that was killed could not log it.
   */
  constructor(
    reaper: Pick<Reaper, "ended">,
    { pid }: { readonly pid: number },
    killed: (killed: KilledProcess) => void,
  ) {
    this.#reaper = reaper;
    this.#killed = killed;
    this.adopt(pid);
  }

  /** Notes that the process with the id `pid` is now the newest process. */
  adopt(pid: number): void {
    this.#newest = pid;
    if (this.#statuses.has(pid)) return;
    const ended = this.#reaper.ended(pid);
    this.#statuses.set(pid, ended);
    void ended.then((status) => this.#ended(pid, status));
  }

  #ended(pid: number, status: number): void {
    // Forget the process, because the kernel may give its id to a later process.
    if (pid !== this.#newest) this.#statuses.delete(pid);
    if (status <= BY_SIGNAL) return;
    const signal = nameOf(status - BY_SIGNAL);
    this.#killed({ pid, signal, wasNewest: pid === this.#newest });
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

function nameOf(signal: number): string {
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? [];
  return name ?? `signal ${signal}`;
}
