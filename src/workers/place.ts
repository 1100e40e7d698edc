import type { Observer } from "../relay/observer.ts";
import { RelayError } from "../relay/error.ts";
import type { Batch, Order, PlainError, Report, Start } from "./messages.ts";
import { revive } from "./plain-error.ts";
import { Told } from "./told.ts";

// A worker that dies sooner than this after its start is not replaced at once, in milliseconds.
const CALM = 10_000;

// The pauses before the next one, in milliseconds: each is twice the one before.
const PAUSE_FIRST = 10;
const PAUSE_LAST = 1_000;

/** What a place needs of its pool. */
export interface PlaceOwner {
  readonly observer: Observer;
  /** The module of a worker's thread. */
  readonly thread: URL;
  startOrder(index: number, first: boolean): Start;
  /** The worker accepts. */
  joined(index: number): void;
  /** The worker is gone; `open` of its connections with it. Gives how many those were. */
  left(index: number): number;
}

/** An answer that somebody waits for; a worker that is gone has given all of them. */
type Waiting = { readonly kind: Report["kind"]; readonly resolve: (open: number) => void };

/** The place of one worker in a pool: the worker, and the next one should it die. */
export class Place {
  readonly index: number;
  readonly #owner: PlaceOwner;
  #worker: Worker | null = null;
  #told: Told;
  #waiting: Waiting[] = [];
  #ready = false;
  /** Whether a worker has ever been: the first one that cannot start is not replaced. */
  #used = false;
  #startedAt = 0;
  #pause = 0;
  /** Connections that the worker says it takes with it. */
  #lost = 0;
  #restart: Timer | undefined;
  /** Why the worker is about to be gone. */
  #reason: PlainError | null = null;
  #refusal: RelayError | null = null;
  #stopping = false;

  constructor(index: number, owner: PlaceOwner) {
    this.index = index;
    this.#owner = owner;
    this.#told = new Told(owner.observer);
  }

  /**
   * Starts the first worker, which accepts nobody before it is released.
   *
   * @throws {RelayError} where it cannot start.
   */
  async start(): Promise<void> {
    const started = this.#answer("ready");
    this.#begin(true);
    await started;
    if (this.#ready) return;
    throw (
      this.#refusal ??
      new RelayError("EWORKER", "", `worker ${this.index + 1} cannot start: ${this.#why(null)}`)
    );
  }

  /** Settles when the worker has answered. */
  async responds(): Promise<void> {
    if (this.#worker === null) return;
    this.#tell({ kind: "ping" });
    await this.#answer("here");
  }

  /** Lets the worker accept nobody; gives how many connections it then has open. */
  async hold(): Promise<number> {
    if (this.#worker === null) return 0;
    this.#tell({ kind: "hold" });
    return await this.#answer("held");
  }

  release(): void {
    this.#tell({ kind: "release" });
  }

  /** Asks the worker to stop; called again it can only shorten the drain. */
  stop(drainTimeout: number, serveQueue: boolean): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#tell({ kind: "stop", drainTimeout, serveQueue });
  }

  /** Settles when the worker accepts no more, for good. */
  async drains(): Promise<void> {
    if (this.#worker !== null) await this.#answer("draining");
  }

  /** Settles when the worker is gone, for good. */
  async ended(): Promise<void> {
    if (this.#worker !== null) await this.#answer("stopped");
  }

  /** Ends a worker that does not answer. */
  terminate(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#worker?.terminate();
  }

  #begin(first: boolean): void {
    const worker = new Worker(this.#owner.thread, { name: `worker ${this.index + 1}` });
    this.#worker = worker;
    this.#told = new Told(this.#owner.observer);
    this.#ready = false;
    this.#reason = null;
    this.#lost = 0;
    this.#startedAt = performance.now();
    worker.onmessage = ({ data }: MessageEvent<Batch>) => this.#heard(data);
    worker.onerror = ({ message }) => {
      this.#reason ??= { message: reasonIn(message), stack: message };
    };
    worker.addEventListener("close", ({ code }: CloseEvent) => this.#gone(code));
    this.#tell(this.#owner.startOrder(this.index, first));
  }

  #tell(order: Order): void {
    this.#worker?.postMessage(order);
  }

  #answer(kind: Waiting["kind"]): Promise<number> {
    return new Promise((resolve) => this.#waiting.push({ kind, resolve }));
  }

  #heard(batch: Batch): void {
    this.#told.came(batch);
    for (const report of batch.reports) if (!this.#told.pass(report)) this.#obey(report);
  }

  #obey(report: Report): void {
    switch (report.kind) {
      case "ready":
        this.#ready = true;
        this.#used = true;
        this.#owner.joined(this.index);
        break;
      case "failed":
        this.#refusal = new RelayError(report.code, report.address, report.message);
        this.#reason = { message: report.message, stack: undefined };
        this.#worker?.terminate();
        return;
      case "lost":
        this.#lost = report.open;
        return;
      case "stopped":
        // Its thread is about to end, which is what is waited for.
        return;
    }
    this.#settle(report.kind, report.kind === "held" ? report.open : 0);
  }

  #settle(kind: Waiting["kind"] | null, open: number): void {
    const settled = this.#waiting.filter((waiting) => kind === null || waiting.kind === kind);
    this.#waiting = this.#waiting.filter((waiting) => !settled.includes(waiting));
    for (const { resolve } of settled) resolve(open);
  }

  #gone(code: number): void {
    this.#worker = null;
    this.#ready = false;
    this.#lost += this.#owner.left(this.index);
    if (!this.#stopping && this.#used) this.#replace(code);
    this.#told.abandon();
    this.#settle(null, 0);
  }

  #replace(code: number): void {
    const lived = performance.now() - this.#startedAt;
    this.#pause = lived >= CALM ? 0 : Math.min(Math.max(PAUSE_FIRST, 2 * this.#pause), PAUSE_LAST);
    this.#owner.observer.fault(this.#fault(code));
    this.#restart = setTimeout(() => this.#begin(false), this.#pause);
  }

  #fault(code: number): Error {
    const lost = this.#lost;
    const error = new Error(
      `worker ${this.index + 1} ended (${this.#why(code)}): ` +
        `${lost} connection${lost === 1 ? " is" : "s are"} lost, another takes its place`,
    );
    const stack = this.#reason && revive(this.#reason).stack;
    if (stack) error.stack = stack;
    return error;
  }

  #why(code: number | null): string {
    return this.#reason?.message ?? (code === null ? "it ended" : `exit status ${code}`);
  }
}

/** The error's own words in what Bun says of it, which has the source's lines and the stack, too. */
function reasonIn(message: string): string {
  const [, reason] = /^\w*error: (.*)$/im.exec(message) ?? [];
  return reason ?? message.split("\n", 1)[0] ?? "";
}
