import { peekEndedChild, reapChild } from "../../os/calls-for-handover.ts";

/**
 * The maximum number of exit statuses that a `Reaper` keeps for later calls of its method `ended`.
 */
const REMEMBERED_MOST = 64;

/**
 * Waits for child processes that Bun has not started: orphans that became children of this process,
 * because this process is the first process of its PID namespace or a subreaper. Without this
 * class, an orphan that ends would stay as a zombie.
 */
export class Reaper implements Disposable {
  /**
   * The ids of the children that Bun waits for. An id is removed after Bun has waited for its
   * child.
   */
  readonly #runtimes = new Set<number>();
  readonly #awaited = new Map<number, PromiseWithResolvers<number>>();
  /**
   * The exit statuses of the children that ended before `ended` was called for them, by process id.
   * The oldest entry comes first.
   */
  readonly #remembered = new Map<number, number>();

  constructor() {
    process.on("SIGCHLD", this.#reap);
    this.#reap();
  }

  /** Leaves a child of `Bun.spawn` alone, because Bun waits for this child itself. */
  leave({ pid, exited }: { readonly pid: number; readonly exited: Promise<number> }): void {
    this.#runtimes.add(pid);
    void exited.then(() => {
      this.#runtimes.delete(pid);
      this.#reap();
    });
  }

  /** Resolves with the exit status of a child after the child has ended. */
  ended(pid: number): Promise<number> {
    const status = this.#remembered.get(pid);
    if (status !== undefined) return Promise.resolve(status);
    const awaited = this.#awaited.get(pid) ?? Promise.withResolvers<number>();
    this.#awaited.set(pid, awaited);
    return awaited.promise;
  }

  [Symbol.dispose](): void {
    process.off("SIGCHLD", this.#reap);
  }

  readonly #reap = (): void => {
    for (let child = peekEndedChild(); child !== null; child = peekEndedChild()) {
      // Leave this child to Bun. Stop the loop, because waitid(2) returns this child and no other
      // ended child until Bun has waited for this child. After that, the function in `leave` calls
      // `#reap` again.
      if (this.#runtimes.has(child.pid)) return;
      reapChild(child.pid);
      this.#ended(child.pid, child.status);
    }
  };

  #ended(pid: number, status: number): void {
    const awaited = this.#awaited.get(pid);
    this.#awaited.delete(pid);
    if (awaited !== undefined) return awaited.resolve(status);
    this.#remembered.set(pid, status);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > REMEMBERED_MOST && oldest !== undefined)
      this.#remembered.delete(oldest);
  }
}
