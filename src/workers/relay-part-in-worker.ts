import { printAddress, type SocketEndpoint } from "../address/address.ts";
import type { DrainLimits } from "../relay/limits/drain-time-limits.ts";
import { RelayError } from "../relay/error.ts";
import type { Observer } from "../relay/observer.ts";
import { AwaitedAnswers } from "./awaited-answers.ts";
import type { Batch, Report, Start } from "./worker-messages.ts";
import { ReportReceiver } from "./report-receiver.ts";
import type { SlotMember, WorkerSlot } from "./worker-slot.ts";

/** The properties and methods of a pooled relay that the relay's shares use. */
export interface WorkerShareOwner {
  readonly observer: Observer;
  readonly endpoint: SocketEndpoint;
  /**
   * Returns the observer of one share's events. It passes on to `observer` all events except the
   * pauses: `observer` gets a pause only when all shares of the relay pause.
   */
  observerOf(index: number): Observer;
  startOrder(index: number, slot: WorkerSlot, held: boolean): Start;
  /**
   * The number of open connections of all relays of the pool, if this number has reached the limit
   * that the relays share. Null if the limit is not reached, or if the relays share no limit.
   */
  readonly reachedTogether: number | null;
  /** Called after the worker's share of the relay has started. */
  joined(index: number): void;
  /** Called with whole pcapng blocks for the relay's capture file. */
  captured(blocks: Uint8Array): void;
  /**
   * Called after the worker's share of the relay has ended. Returns the number of connections that
   * were still open.
   */
  left(index: number): number;
}

/** The kinds of answers that callers wait for; `gone` is the end of the share. */
type Answer = "ready" | "here" | "held" | "draining" | "gone";

/**
 * One worker's share of a relay: the part of the relay's connections that this worker accepts and
 * carries. If the worker dies, a new worker takes over the share.
 */
export class WorkerShare implements SlotMember {
  readonly #relay: number;
  readonly #index: number;
  readonly #slot: WorkerSlot;
  readonly #owner: WorkerShareOwner;
  readonly #answers = new AwaitedAnswers<Answer>();
  #connections: ReportReceiver;
  /** True from the message `start` to the worker until the share or its worker has ended. */
  #isThere = false;
  /**
   * Whether the share has ever started successfully. If it never has, and its worker dies, the
   * share does not start again in another worker.
   */
  #used = false;
  /**
   * The number of connections that ended because the worker died; set to 0 when the share starts
   * again.
   */
  #lost = 0;
  /** The error that ended the share or its worker; null if there was none. */
  #reason: Error | null = null;
  /**
   * Whether the share must accept nobody: true before the first `release`, and from each `hold`
   * until the next `release`. A worker that takes the place of a dead worker starts in this state.
   */
  #held = true;
  #stopping = false;
  #cut = 0;

  /**
   * @param relay - the relay's number in the pool
   * @param index - the index of this share among the relay's shares, from 0
   */
  constructor(relay: number, index: number, slot: WorkerSlot, owner: WorkerShareOwner) {
    this.#relay = relay;
    this.#index = index;
    this.#slot = slot;
    this.#owner = owner;
    this.#connections = new ReportReceiver(owner.observerOf(index));
  }

  get observer(): Observer {
    return this.#owner.observer;
  }

  get goesOn(): boolean {
    return this.#used && !this.#stopping;
  }

  /**
   * The number of connections that were reset, or lost because the worker died, after the share was
   * told to stop. The number is final after the share has ended.
   */
  get cut(): number {
    return this.#cut;
  }

  /**
   * Starts the share. The share accepts nobody before `release` is called.
   *
   * @throws {RelayError} if the share cannot start.
   */
  async start(): Promise<void> {
    const ready = this.#answers.next("ready");
    this.#slot.join(this.#relay, this);
    await ready;
    if (this.#used) return;
    if (this.#reason instanceof RelayError) throw this.#reason;
    const address = printAddress(this.#owner.endpoint);
    const why = this.#reason?.message ?? "it ended";
    throw new RelayError("EWORKER", address, `worker ${this.#slot.number} cannot start: ${why}`);
  }

  /** Resolves after the worker has answered a ping; at once if the share has ended. */
  async responds(): Promise<void> {
    if (!this.#isThere) return;
    this.#slot.tell({ kind: "ping", relay: this.#relay });
    await this.#answers.next("here");
  }

  /** Makes the worker stop accepting; resolves with the share's number of open connections. */
  async hold(): Promise<number> {
    this.#held = true;
    if (!this.#isThere) return 0;
    this.#slot.tell({ kind: "hold", relay: this.#relay });
    return await this.#answers.next("held");
  }

  /**
   * Tells the worker to stop recording packets, because no more packets can be written to the
   * capture file.
   */
  endCapture(): void {
    if (this.#isThere) this.#slot.tell({ kind: "endCapture", relay: this.#relay });
  }

  release(): void {
    this.#held = false;
    this.#slot.tell({ kind: "release", relay: this.#relay });
  }

  /** Tells the share to stop. A second call can only shorten the drain. */
  stop(limits: DrainLimits, serveQueue: boolean): void {
    this.#stopping = true;
    if (this.#isThere) this.#slot.tell({ kind: "stop", relay: this.#relay, limits, serveQueue });
    else this.#slot.leave(this.#relay);
  }

  /** Resolves when the share has stopped accepting clients and only drains its connections. */
  async drains(): Promise<void> {
    if (this.#isThere) await this.#answers.next("draining");
  }

  /**
   * Resolves after the share has ended. If the worker has no other share, also waits until the
   * worker has ended.
   */
  async ended(): Promise<void> {
    if (this.#isThere) await this.#answers.next("gone");
    await this.#slot.ended();
  }

  /**
   * Kills the worker, because the worker does not answer. The shares of other relays in this worker
   * start again in a new worker.
   */
  terminate(): void {
    this.#stopping = true;
    this.#slot.terminate();
  }

  startOrder(): Start {
    this.#isThere = true;
    this.#connections = new ReportReceiver(this.#owner.observerOf(this.#index));
    this.#lost = 0;
    return this.#owner.startOrder(this.#index, this.#slot, this.#held);
  }

  batchArrived(batch: Batch): void {
    this.#connections.syncClock(batch);
    for (const report of batch.reports) this.#take(report);
  }

  lost(why: Error): number {
    this.#reason ??= why;
    this.#lost += this.#owner.left(this.#index);
    if (this.#stopping) this.#cut += this.#lost;
    return this.#lost;
  }

  forget(): void {
    this.#isThere = false;
    if (!this.goesOn) this.#slot.leave(this.#relay);
    this.#connections.abandon();
    this.#answers.end();
  }

  #take(report: Report): void {
    switch (report.kind) {
      case "ready":
        this.#used = true;
        this.#owner.joined(this.#index);
        return this.#answers.arrived(report.kind, 0);
      case "here":
      case "draining":
        return this.#answers.arrived(report.kind, 0);
      case "held":
        return this.#answers.arrived(report.kind, report.open);
      case "captured":
        return this.#owner.captured(report.blocks);
      case "failed":
        this.#reason = new RelayError(report.code, report.address, report.message);
        return this.#end();
      case "lost":
        this.#lost = report.open;
        return;
      case "stopped":
        this.#cut += report.cut;
        return this.#end();
      case "full":
        return this.#full(report);
      default:
        return this.#connections.pass(report);
    }
  }

  /**
   * Passes on the report that a limit is reached. One limit is shared by all relays, and each
   * worker has only a part of this limit. A worker reports when its part is reached; the report is
   * passed on only if all workers together have reached the whole limit.
   */
  #full(report: Extract<Report, { kind: "full" }>): void {
    const open = report.limit === "shared" ? this.#owner.reachedTogether : report.open;
    if (open !== null) this.#connections.pass({ ...report, open });
  }

  /**
   * Notes that the share has ended: removes the share from the slot, and resolves all promises that
   * wait for an answer of the share.
   */
  #end(): void {
    this.#isThere = false;
    this.#owner.left(this.#index);
    this.#slot.leave(this.#relay);
    this.#answers.end();
  }
}
