import type { Observer } from "../relay/observer.ts";
import type { Batch, Order, Start } from "./worker-messages.ts";

// If a worker dies after it has run for at least this time, in milliseconds, the next thread starts
// at once. If a worker dies earlier, the next thread starts only after a pause.
const CALM = 10_000;

// The first pause between the death of a thread and the start of the next thread, in milliseconds.
// Each further pause is twice as long as the pause before it, up to `PAUSE_LAST`.
const PAUSE_FIRST = 10;
// The longest pause between the death of a thread and the start of the next thread, in
// milliseconds.
const PAUSE_LAST = 1_000;

/**
 * A relay in a slot. The slot's worker accepts and carries a part of the relay's connections: the
 * relay's share in this worker.
 */
export interface SlotMember {
  readonly observer: Observer;
  /** Whether the relay's share starts again in a new thread if the slot's thread dies. */
  readonly goesOn: boolean;
  /** Returns the message that starts the relay's share in a worker. */
  startOrder(): Start;
  batchArrived(batch: Batch): void;
  /**
   * Called after the worker has died because of `why`. Returns the number of connections that this
   * relay lost.
   */
  lost(why: Error): number;
  /**
   * Discards this relay's data about the dead worker, and reports the relay's open connections in
   * this worker as closed. Called after `lost` was called for every member of the slot.
   */
  forget(): void;
}

/**
 * Keeps one worker running: a thread that carries shares of several relays, which are the members
 * of the slot. If the thread dies, a new thread replaces it. The slot has a thread, or is about to
 * start a thread, while the slot has members.
 */
export class WorkerSlot {
  /** The worker's number, from 1, as it is shown in errors and in the thread's name. */
  readonly number: number;
  readonly #module: URL;
  readonly #members = new Map<number, SlotMember>();
  readonly #ended: PromiseWithResolvers<void>[] = [];
  #thread: Worker | null = null;
  #startedAt = 0;
  #pause = 0;
  /**
   * The timer that ends the pause before the next thread starts; undefined while there is no pause.
   */
  #restart: Timer | undefined;
  /** Whether the thread was told to end, because the slot had no member. */
  #ending = false;
  /** The first uncaught error of the slot's latest thread; null if there was none. */
  #reason: Error | null = null;

  /** @param module - the module that a worker's thread runs */
  constructor(number: number, module: URL) {
    this.number = number;
    this.#module = module;
  }

  /** Whether the slot has a thread now. */
  get isRunning(): boolean {
    return this.#thread !== null;
  }

  /** Starts a relay's share in the slot's thread; starts a thread if there is none. */
  join(relay: number, member: SlotMember): void {
    this.#members.set(relay, member);
    if (this.#ending) return;
    if (this.#thread !== null) this.tell(member.startOrder());
    else if (this.#restart === undefined) this.#begin();
  }

  /**
   * Removes from the slot a relay whose share has ended. Ends the thread if the slot has no other
   * relay.
   */
  leave(relay: number): void {
    this.#members.delete(relay);
    if (this.#members.size > 0) return;
    clearTimeout(this.#restart);
    this.#restart = undefined;
    this.#ending = this.#thread !== null;
    this.tell({ kind: "end" });
  }

  tell(order: Order): void {
    this.#thread?.postMessage(order);
  }

  /**
   * Resolves when the thread has ended; at once if there is no thread, or if the thread goes on
   * because the slot still has members.
   */
  async ended(): Promise<void> {
    if (this.#thread === null || this.#members.size > 0) return;
    const ended = Promise.withResolvers<void>();
    this.#ended.push(ended);
    await ended.promise;
  }

  /** Kills a thread that does not answer. */
  terminate(): void {
    this.#thread?.terminate();
  }

  #begin(): void {
    const thread = new Worker(this.#module, { name: `worker ${this.number}` });
    this.#thread = thread;
    this.#reason = null;
    this.#startedAt = performance.now();
    thread.onmessage = ({ data }: MessageEvent<Batch>) =>
      this.#members.get(data.relay)?.batchArrived(data);
    thread.onerror = ({ message }) => {
      this.#reason ??= uncaught(message);
    };
    thread.addEventListener("close", ({ code }: CloseEvent) => this.#gone(code));
    for (const member of this.#members.values()) this.tell(member.startOrder());
  }

  #gone(code: number): void {
    this.#thread = null;
    if (this.#ending) this.#end();
    else this.#died(code);
  }

  #end(): void {
    this.#ending = false;
    for (const { resolve } of this.#ended.splice(0)) resolve();
    if (this.#members.size > 0) this.#begin();
  }

  #died(code: number): void {
    const reason = this.#reason ?? new Error(`exit status ${code}`);
    const members = [...this.#members.values()];
    const losses = members.map((member) => ({ member, lost: member.lost(reason) }));
    const replaced = members.some(({ goesOn }) => goesOn);
    const losers = losses.filter(({ lost }) => lost > 0);
    // Each relay that lost connections reports the worker's death. If no relay lost a connection,
    // the first relay whose share starts again reports the death. If no share starts again either,
    // nobody reports it.
    const [first] = replaced ? losses.filter(({ member }) => member.goesOn) : [];
    for (const { member, lost } of losers.length > 0 || first === undefined ? losers : [first])
      member.observer.fault(this.#obituary(reason, lost, replaced));
    if (replaced) this.#replace();
    for (const member of members) member.forget();
  }

  #replace(): void {
    const lived = performance.now() - this.#startedAt;
    this.#pause = lived >= CALM ? 0 : Math.min(Math.max(PAUSE_FIRST, 2 * this.#pause), PAUSE_LAST);
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      this.#begin();
    }, this.#pause);
  }

  #obituary(reason: Error, lost: number, replaced: boolean): Error {
    const obituary = new Error(
      `worker ${this.number} ended (${reason.message}): ` +
        `${lost} connection${lost === 1 ? " is" : "s are"} lost` +
        (replaced ? ", another takes its place" : ""),
    );
    if (reason === this.#reason && reason.stack !== undefined) obituary.stack = reason.stack;
    return obituary;
  }
}

/**
 * Makes an `Error` of Bun's message about an uncaught error. The message also has source lines and
 * a stack.
 */
function uncaught(message: string): Error {
  const [, words] = /^\w*error: (.*)$/im.exec(message) ?? [];
  const error = new Error(words ?? message.split("\n", 1)[0]);
  error.stack = message;
  return error;
}
