import { printAddress, type SocketEndpoint } from "../address/address.ts";
import type { StopPatience } from "../relay/stop-patience.ts";
import { RelayError } from "../relay/error.ts";
import type { Observer } from "../relay/observer.ts";
import { AwaitedAnswers } from "./awaited-answers.ts";
import type { Batch, Order, Report, Start } from "./messages.ts";
import { ReportReceiver } from "./report-receiver.ts";

// A worker that dies sooner than this after its start is not replaced at once, in milliseconds.
const CALM = 10_000;

// The pauses before the next one, in milliseconds: each is twice the one before.
const PAUSE_FIRST = 10;
const PAUSE_LAST = 1_000;

/** What a place needs of its pool. */
export interface WorkerSlotOwner {
  readonly observer: Observer;
  readonly endpoint: SocketEndpoint;
  /** The module of a worker's thread. */
  readonly thread: URL;
  startOrder(index: number, held: boolean): Start;
  /** The worker accepts. */
  joined(index: number): void;
  /** The worker is gone; gives how many connections had not ended by then. */
  left(index: number): number;
}

/** What somebody waits for; `gone` is the thread's end. */
type Answer = "ready" | "here" | "held" | "draining" | "gone";

/** The place of one worker in a pool: the worker, and the next one should it die. */
export class WorkerSlot {
  readonly index: number;
  readonly #owner: WorkerSlotOwner;
  readonly #answers = new AwaitedAnswers<Answer>();
  #worker: Worker | null = null;
  #connections: ReportReceiver;
  /** Whether a worker has ever been ready: a first one that cannot start is not replaced. */
  #used = false;
  #startedAt = 0;
  #pause = 0;
  #restart: Timer | undefined;
  /** Connections that the worker says it takes with it. */
  #lost = 0;
  /** Why the worker is about to be gone, where it is known. */
  #reason: Error | null = null;
  #stopping = false;
  #cut = 0;

  constructor(index: number, owner: WorkerSlotOwner) {
    this.index = index;
    this.#owner = owner;
    this.#connections = new ReportReceiver(owner.observer);
  }

  /** Connections that the stop cut; complete once the worker is gone. */
  get cut(): number {
    return this.#cut;
  }

  /**
   * Starts the first worker, which accepts nobody before it is released.
   *
   * @throws {RelayError} where it cannot start.
   */
  async start(): Promise<void> {
    const ready = this.#answers.next("ready");
    this.#begin(true);
    await ready;
    if (this.#used) return;
    if (this.#reason instanceof RelayError) throw this.#reason;
    const address = printAddress(this.#owner.endpoint);
    const why = this.#reason?.message ?? "it ended";
    throw new RelayError("EWORKER", address, `worker ${this.index + 1} cannot start: ${why}`);
  }

  /** Settles when the worker has answered. */
  async responds(): Promise<void> {
    if (this.#worker === null) return;
    this.#tell({ kind: "ping" });
    await this.#answers.next("here");
  }

  /** Lets the worker accept nobody; gives how many connections it then has open. */
  async hold(): Promise<number> {
    if (this.#worker === null) return 0;
    this.#tell({ kind: "hold" });
    return await this.#answers.next("held");
  }

  release(): void {
    this.#tell({ kind: "release" });
  }

  /** Asks the worker to stop; called again it can only shorten the drain. */
  stop(patience: StopPatience, serveQueue: boolean): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#tell({ kind: "stop", patience, serveQueue });
  }

  /** Settles when the worker accepts no more, for good. */
  async drains(): Promise<void> {
    if (this.#worker !== null) await this.#answers.next("draining");
  }

  /** Settles when the worker is gone, for good. */
  async ended(): Promise<void> {
    if (this.#worker !== null) await this.#answers.next("gone");
  }

  /** Ends a worker that does not answer. */
  terminate(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#worker?.terminate();
  }

  #begin(held: boolean): void {
    const worker = new Worker(this.#owner.thread, { name: `worker ${this.index + 1}` });
    this.#worker = worker;
    this.#connections = new ReportReceiver(this.#owner.observer);
    this.#reason = null;
    this.#lost = 0;
    this.#startedAt = performance.now();
    worker.onmessage = ({ data }: MessageEvent<Batch>) => this.#heard(data);
    worker.onerror = ({ message }) => {
      this.#reason ??= uncaught(message);
    };
    worker.addEventListener("close", ({ code }: CloseEvent) => this.#gone(code));
    this.#tell(this.#owner.startOrder(this.index, held));
  }

  #tell(order: Order): void {
    this.#worker?.postMessage(order);
  }

  #heard(batch: Batch): void {
    this.#connections.came(batch);
    for (const report of batch.reports) this.#take(report);
  }

  #take(report: Report): void {
    switch (report.kind) {
      case "ready":
        this.#used = true;
        this.#owner.joined(this.index);
        return this.#answers.came(report.kind, 0);
      case "here":
      case "draining":
        return this.#answers.came(report.kind, 0);
      case "held":
        return this.#answers.came(report.kind, report.open);
      case "failed":
        this.#reason = new RelayError(report.code, report.address, report.message);
        this.#worker?.terminate();
        return;
      case "lost":
        this.#lost = report.open;
        return;
      case "stopped":
        this.#cut += report.cut;
        return;
      default:
        return this.#connections.pass(report);
    }
  }

  #gone(code: number): void {
    this.#worker = null;
    this.#lost += this.#owner.left(this.index);
    if (this.#stopping) this.#cut += this.#lost;
    const replaced = this.#used && !this.#stopping;
    if (replaced || this.#lost > 0) this.#tellOfDeath(code, replaced);
    if (replaced) this.#replace();
    this.#connections.abandon();
    this.#answers.end();
  }

  #replace(): void {
    const lived = performance.now() - this.#startedAt;
    this.#pause = lived >= CALM ? 0 : Math.min(Math.max(PAUSE_FIRST, 2 * this.#pause), PAUSE_LAST);
    this.#restart = setTimeout(() => this.#begin(false), this.#pause);
  }

  #tellOfDeath(code: number, replaced: boolean): void {
    const fault = new Error(
      `worker ${this.index + 1} ended (${this.#reason?.message ?? `exit status ${code}`}): ` +
        `${this.#lost} connection${this.#lost === 1 ? " is" : "s are"} lost` +
        (replaced ? ", another takes its place" : ""),
    );
    if (this.#reason?.stack !== undefined) fault.stack = this.#reason.stack;
    this.#owner.observer.fault(fault);
  }
}

/** An error of a worker's thread, from what Bun says of it: the source's lines and the stack, too. */
function uncaught(message: string): Error {
  const [, words] = /^\w*error: (.*)$/im.exec(message) ?? [];
  const error = new Error(words ?? message.split("\n", 1)[0]);
  error.stack = message;
  return error;
}
