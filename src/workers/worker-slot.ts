import type { Observer } from "../relay/observer.ts";
import type { Batch, Order, Start } from "./messages.ts";

// A worker that dies sooner than this after its start is not replaced at once, in milliseconds.
const CALM = 10_000;

// The pauses before the next one, in milliseconds: each is twice the one before.
const PAUSE_FIRST = 10;
const PAUSE_LAST = 1_000;

/** A relay that has a share in the worker of a slot. */
export interface SlotMember {
  readonly observer: Observer;
  /** Whether the relay goes on, in the next worker if this one dies. */
  readonly goesOn: boolean;
  /** The relay's first order for a worker. */
  startOrder(): Start;
  heard(batch: Batch): void;
  /** The worker has died, and connections with it: how many of this relay's. */
  lost(why: Error): number;
  /** After every member of the slot has said what it lost. */
  forget(): void;
}

/**
 * The slot of one worker: its thread, which carries a share of several relays, and the next thread
 * should that one die. There is a thread while the slot has members.
 */
export class WorkerSlot {
  /** The worker's number for people, from 1. */
  readonly number: number;
  readonly #module: URL;
  readonly #members = new Map<number, SlotMember>();
  readonly #ended: PromiseWithResolvers<void>[] = [];
  #thread: Worker | null = null;
  #startedAt = 0;
  #pause = 0;
  /** Runs while the next thread waits for its start. */
  #restart: Timer | undefined;
  /** Whether the thread was told to end, because the slot had no member. */
  #ending = false;
  /** Why the thread is about to die, where it is known. */
  #reason: Error | null = null;

  /** @param module - what a worker's thread runs */
  constructor(number: number, module: URL) {
    this.number = number;
    this.#module = module;
  }

  /** Starts a relay's share, in the thread of the others or in a first one. */
  join(relay: number, member: SlotMember): void {
    this.#members.set(relay, member);
    if (this.#ending) return;
    if (this.#thread !== null) this.tell(member.startOrder());
    else if (this.#restart === undefined) this.#begin();
  }

  /** Forgets a relay whose share has ended. */
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

  /** Settles when the thread has ended, if the slot has no member. */
  async ended(): Promise<void> {
    if (this.#thread === null || this.#members.size > 0) return;
    const ended = Promise.withResolvers<void>();
    this.#ended.push(ended);
    await ended.promise;
  }

  /** Ends a thread that does not answer. */
  terminate(): void {
    this.#thread?.terminate();
  }

  #begin(): void {
    const thread = new Worker(this.#module, { name: `worker ${this.number}` });
    this.#thread = thread;
    this.#reason = null;
    this.#startedAt = performance.now();
    thread.onmessage = ({ data }: MessageEvent<Batch>) =>
      this.#members.get(data.relay)?.heard(data);
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
    // A death that cost nothing is told once.
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

/** An error of a worker's thread, from what Bun says of it: the source's lines and the stack, too. */
function uncaught(message: string): Error {
  const [, words] = /^\w*error: (.*)$/im.exec(message) ?? [];
  const error = new Error(words ?? message.split("\n", 1)[0]);
  error.stack = message;
  return error;
}
