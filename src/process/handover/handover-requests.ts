import type { Log } from "../../observe/log/log.ts";
import { loaded } from "../../os/libc.ts";
import type { Estate } from "./hand-over.ts";
import { HandoverError } from "./handover-error.ts";
import type { Successor } from "./start-successor.ts";

/** The log, and the options with which a process starts its successors. */
export interface HandoverNeeds {
  readonly log: Log;
  /** The command that starts this program again. */
  readonly command: readonly string[];
  /** The environment that this process had at its start. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The time, in milliseconds, within which the new process must accept clients. Default: 30 s. */
  readonly patience?: number;
}

/**
 * Hands over when HUP arrives. Another HUP during a handover asks for another handover, because the
 * program or its configuration file may have changed since the first HUP. If the running handover
 * succeeds, the second HUP is passed to the successor. If the running handover fails, this process
 * tries again.
 */
export class HandoverRequests {
  /** Settles after a successor has taken over. */
  readonly done: Promise<Successor>;
  readonly #needs: HandoverNeeds;
  readonly #done = Promise.withResolvers<Successor>();
  readonly #abort = new AbortController();
  /** Settles at the end of the running handover; null exactly while no handover is running. */
  #trying: Promise<void> | null = null;
  /**
   * Whether a HUP arrived before `begin` or during a handover. Set back to false when this process
   * starts the handover that this HUP asks for.
   */
  #again = false;
  /**
   * The parameter of `begin`, which returns everything that is handed over; null before `begin`.
   */
  #estate: (() => Promise<Estate>) | null = null;
  #successor: Successor | null = null;

  constructor(needs: HandoverNeeds) {
    this.#needs = needs;
    this.done = this.#done.promise;
  }

  get isUnderWay(): boolean {
    return this.#trying !== null;
  }

  hangUp(): void {
    if (this.#successor !== null) this.#successor.send({ kind: "hangup" });
    else if (this.#abort.signal.aborted) this.#say("HUP is ignored: this process stops", "ignored");
    else if (this.#estate === null) this.#wait("as soon as this process has started");
    else if (this.#trying !== null) this.#wait("after the one that is under way");
    else this.#trying = this.#try(this.#estate);
  }

  /**
   * Remembers that a handover is still to be done, because none can start now, and logs this.
   *
   * @param when - the end of the log line, which says when the handover will follow
   */
  #wait(when: string): void {
    this.#again = true;
    this.#say(`HUP: a handover follows ${when}`, "waits");
  }

  #say(words: string, outcome: "ignored" | "waits"): void {
    this.#needs.log.info(words, { event: `hangup_${outcome}` });
  }

  /**
   * Allows handovers from now on. If a HUP has arrived before, the first handover starts at once.
   *
   * @param estate - returns everything that is handed over
   */
  begin(estate: () => Promise<Estate>): void {
    this.#estate = estate;
    if (this.#again) this.#tryAgain();
  }

  /**
   * Allows no further handover, and aborts a running handover. Returns the successor if a handover
   * has succeeded, otherwise null. If the running handover succeeds in spite of the abort, this
   * method also asks the successor to stop.
   */
  async stop(): Promise<Successor | null> {
    const isLate = this.#successor === null;
    this.#abort.abort();
    await this.#trying;
    if (isLate) this.#successor?.send({ kind: "asked", times: 1 });
    return this.#successor;
  }

  async #try(estate: () => Promise<Estate>): Promise<void> {
    const { log } = this.#needs;
    try {
      this.#successor = await this.#handOver(estate);
      if (this.#again) this.hangUp();
      this.#done.resolve(this.#successor);
    } catch (error) {
      if (this.#abort.signal.aborted && error instanceof HandoverError)
        log.info("handover given up: this process stops", { event: "handover_given_up" });
      else this.#failed(error);
    }
    this.#trying = null;
    if (this.#again && this.#successor === null) this.#tryAgain();
  }

  #failed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const words = error instanceof HandoverError ? reason : `unexpected: ${reason}`;
    this.#needs.log.error(`handover failed: ${words}; this process goes on`, {
      ...{ event: "handover_failed", reason },
    });
  }

  #tryAgain(): void {
    this.#again = false;
    this.hangUp();
  }

  async #handOver(estate: () => Promise<Estate>): Promise<Successor> {
    const { log, command, environment, patience } = this.#needs;
    if (loaded.libc === null)
      throw new HandoverError(`it needs system calls through FFI (${loaded.reason})`);
    const [program = ""] = command;
    log.info(`handover: starting ${program}`, { event: "handover", program });
    const { handOver } = await import("./hand-over.ts");
    return await handOver(await estate(), {
      command,
      environment: withoutPid(environment),
      libc: loaded.libc,
      ...(patience !== undefined && { patience }),
      signal: this.#abort.signal,
      warn: (message) => log.warn(message, { event: "warning" }),
    });
  }
}

/**
 * The variables that systemd sets for one process only, so a successor must not get them
 * (sd_listen_fds(3), sd_watchdog_enabled(3)).
 */
const OF_ONE_PROCESS = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];

function withoutPid(environment: HandoverNeeds["environment"]): HandoverNeeds["environment"] {
  const entries = Object.entries(environment);
  return Object.fromEntries(entries.filter(([name]) => !OF_ONE_PROCESS.includes(name)));
}
