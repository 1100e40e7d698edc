import { Channel } from "./channel.ts";
import type { EarlierProcess } from "./document.ts";
import { type FromLater, readFromEarlier } from "./messages.ts";
import { ShapeError } from "./read-json.ts";

/** More earlier processes than this do not linger: the oldest is then asked to end. */
const LINGERING_MOST = 8;

/** What earlier processes have to say that concerns this one. */
export interface EarlierListener {
  /** An earlier process was asked to stop so many times, and this one is meant, too. */
  asked(times: number): void;
  /** HUP came to an earlier process, and is meant for this one. */
  hangUp(): void;
  /** The first process, this one's parent, has ended. */
  orphaned(): void;
  /** So many connections are open in all of them. */
  open(connections: number): void;
}

/**
 * The processes that handed over before this one, as far as they have not ended: each still has
 * connections, or is the parent of all. The oldest comes first.
 */
export class EarlierProcesses implements Disposable {
  readonly #listener: EarlierListener;
  readonly #processes = new Set<Lingering>();
  #unladen: PromiseWithResolvers<void> | null = null;

  constructor(listener: EarlierListener) {
    this.#listener = listener;
  }

  /** Adopts the channels to those that were handed over, and asks each how it is. */
  async meet(earlier: readonly EarlierProcess[]): Promise<void> {
    for (const { pid, descriptor, isParent } of earlier) {
      const channel = await Channel.open(descriptor);
      this.add(pid, isParent, channel);
    }
  }

  /** Adopts a channel to a process. */
  add(pid: number, isParent: boolean, channel: Channel): void {
    const lingering: Lingering = { pid, isParent, channel, connections: null, isEnding: false };
    this.#processes.add(lingering);
    channel.listen({
      message: (value) => this.#heard(lingering, value),
      closed: () => this.#ended(lingering),
    });
    tell(lingering, { kind: "newest", pid: process.pid });
  }

  /** How many of them have connections. */
  get count(): number {
    return this.#laden().length;
  }

  /** How many connections they have together. */
  get connections(): number {
    return this.#laden().reduce((sum, { connections }) => sum + (connections ?? 0), 0);
  }

  /** For the next document; `give` gives a descriptor its number there. */
  records(give: (descriptor: number) => number): EarlierProcess[] {
    return [...this.#processes].map(({ pid, isParent, channel }) => ({
      pid,
      isParent,
      descriptor: give(channel.fd),
    }));
  }

  /** Tells all of them which process is the newest. */
  announce(pid: number): void {
    for (const process of this.#processes) tell(process, { kind: "newest", pid });
  }

  /** Asks all of them to end, by their own drain timeout if null. */
  stop(drainTimeout: number | null): void {
    for (const process of this.#processes) tell(process, { kind: "stop", drainTimeout });
  }

  /** Settles when none of them has a connection. */
  async unladen(): Promise<void> {
    if (this.count === 0) return;
    this.#unladen ??= Promise.withResolvers();
    await this.#unladen.promise;
  }

  /** Lets go of all of them; they go on. */
  [Symbol.dispose](): void {
    for (const { channel } of this.#processes) channel[Symbol.dispose]();
    this.#processes.clear();
  }

  #laden(): readonly Lingering[] {
    // One that has not said how it is may have connections.
    return [...this.#processes].filter(({ connections }) => connections !== 0);
  }

  #heard(lingering: Lingering, value: unknown): void {
    try {
      const message = readFromEarlier(value);
      if (message?.kind === "asked") this.#listener.asked(message.times);
      else if (message?.kind === "hangup") this.#listener.hangUp();
      else if (message?.kind === "open") this.#counted(lingering, message.connections);
    } catch (error) {
      // Another version may say what this one does not understand.
      if (!(error instanceof ShapeError)) throw error;
    }
  }

  #counted(lingering: Lingering, connections: number): void {
    lingering.connections = connections;
    this.#limit();
    this.#changed();
  }

  #ended(lingering: Lingering): void {
    this.#processes.delete(lingering);
    this.#changed();
    if (lingering.isParent) this.#listener.orphaned();
  }

  /** Asks the oldest to end, as long as too many linger. */
  #limit(): void {
    const lingering = [...this.#processes].filter(
      ({ connections, isEnding }) => connections !== null && connections > 0 && !isEnding,
    );
    for (const process of lingering.slice(0, -LINGERING_MOST)) {
      process.isEnding = true;
      tell(process, { kind: "stop", drainTimeout: null });
    }
  }

  #changed(): void {
    this.#listener.open(this.connections);
    if (this.count === 0) this.#unladen?.resolve();
  }
}

interface Lingering {
  readonly pid: number;
  readonly isParent: boolean;
  readonly channel: Channel;
  /** Null before it has said how many it has. */
  connections: number | null;
  /** Whether it was asked to end because too many linger. */
  isEnding: boolean;
}

function tell({ channel }: Lingering, message: FromLater): void {
  channel.send(message);
}
