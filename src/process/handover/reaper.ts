import { peekEndedChild, reapChild } from "../../os/process-calls.ts";

/** How many children's statuses are kept for somebody who asks later. */
const REMEMBERED_MOST = 64;

/**
 * Waits for children that the runtime does not know of: orphans that became this process' children,
 * because it is the first one of its PID namespace or said that it is their reaper. They would stay
 * as zombies.
 */
export class Reaper implements Disposable {
  /** Children that the runtime itself waits for, each until it has. */
  readonly #runtimes = new Set<number>();
  readonly #awaited = new Map<number, PromiseWithResolvers<number>>();
  /** The statuses of children that nobody awaited, the oldest first. */
  readonly #remembered = new Map<number, number>();

  constructor() {
    process.on("SIGCHLD", this.#reap);
    this.#reap();
  }

  /** Leaves a child of `Bun.spawn` to the runtime. */
  leave({ pid, exited }: { readonly pid: number; readonly exited: Promise<number> }): void {
    this.#runtimes.add(pid);
    void exited.then(() => {
      this.#runtimes.delete(pid);
      this.#reap();
    });
  }

  /** The exit status of a child, once it has ended. */
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
      // The children behind it are seen once the runtime has waited for this one.
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
