import { Channel } from "./handover-channel.ts";
import type { EarlierProcess } from "./handover-document.ts";
import { type FromLater, readFromEarlier } from "./handover-messages.ts";
import { ShapeError } from "./read-json.ts";

/**
 * The maximum number of earlier processes that may still have connections. If more of them have
 * connections, the oldest are asked to end.
 */
const LINGERING_MOST = 8;

/** Receives the reports of earlier processes on which this process must act. */
export interface EarlierListener {
  /**
   * Called when an earlier process reports that it has received requests to stop. These requests
   * also concern this process, so this process must stop. `times` is the total number of requests
   * that the earlier process has received.
   */
  asked(times: number): void;
  /** Called when an earlier process has received HUP and asks this process to hand over instead. */
  hangUp(): void;
  /** Called when the first process has ended, if it was the parent of all later processes. */
  orphaned(): void;
  /**
   * Called when the number of open connections of all earlier processes together may have changed.
   * `connections` is this number.
   */
  open(connections: number): void;
}

/**
 * The earlier processes that have not ended, the oldest first. The earlier processes are the
 * predecessor of this process, the predecessor's predecessor, and so on. The oldest of them all is
 * the first process. Each process in this list still has connections, or is the first process,
 * which stays as the parent of all later processes if there is no service manager.
 */
export class EarlierProcesses implements Disposable {
  readonly #listener: EarlierListener;
  readonly #processes = new Set<Lingering>();
  #unladen: PromiseWithResolvers<void> | null = null;

  constructor(listener: EarlierListener) {
    this.#listener = listener;
  }

  /**
   * Opens the channels to the earlier processes that the predecessor's handover document lists, and
   * asks each of these processes for its number of connections.
   */
  async meet(earlier: readonly EarlierProcess[]): Promise<void> {
    for (const { pid, descriptor, isParent } of earlier) {
      const channel = await Channel.open(descriptor);
      this.add(pid, isParent, channel);
    }
  }

  /**
   * Adds an earlier process and the channel to it, and asks the process for its number of
   * connections.
   */
  add(pid: number, isParent: boolean, channel: Channel): void {
    const lingering: Lingering = { pid, isParent, channel, connections: null, isEnding: false };
    this.#processes.add(lingering);
    channel.listen({
      message: (value) => this.#heard(lingering, value),
      closed: () => this.#ended(lingering),
    });
    tell(lingering, { kind: "newest", pid: process.pid });
  }

  /**
   * The number of earlier processes that have connections. A process also counts as long as it has
   * not reported its number of connections.
   */
  get count(): number {
    return this.#laden().length;
  }

  /**
   * The number of open connections of all earlier processes together. A process counts as 0 until
   * it has reported its number of connections.
   */
  get connections(): number {
    return this.#laden().reduce((sum, { connections }) => sum + (connections ?? 0), 0);
  }

  /**
   * Returns a record of each earlier process, for the handover document that this process sends to
   * its successor. `give` passes a descriptor of this process on to the successor, and returns the
   * number that the descriptor gets there.
   */
  records(give: (descriptor: number) => number): EarlierProcess[] {
    return [...this.#processes].map(({ pid, isParent, channel }) => ({
      pid,
      isParent,
      descriptor: give(channel.fd),
    }));
  }

  /** Tells all earlier processes which process is the newest. */
  announce(pid: number): void {
    for (const process of this.#processes) tell(process, { kind: "newest", pid });
  }

  /**
   * Asks all earlier processes to end within `drainTimeout` milliseconds. If `drainTimeout` is
   * null, each process uses its own drain timeout.
   */
  stop(drainTimeout: number | null): void {
    for (const process of this.#processes) tell(process, { kind: "stop", drainTimeout });
  }

  /** Settles when no earlier process has a connection. */
  async unladen(): Promise<void> {
    if (this.count === 0) return;
    this.#unladen ??= Promise.withResolvers();
    await this.#unladen.promise;
  }

  /** Closes all channels. The earlier processes go on. */
  [Symbol.dispose](): void {
    for (const { channel } of this.#processes) channel[Symbol.dispose]();
    this.#processes.clear();
  }

  #laden(): readonly Lingering[] {
    // Also count a process whose number of connections is null: such a process has not reported
    // yet, and may have connections.
    return [...this.#processes].filter(({ connections }) => connections !== 0);
  }

  #heard(lingering: Lingering, value: unknown): void {
    try {
      const message = readFromEarlier(value);
      if (message?.kind === "asked") this.#listener.asked(message.times);
      else if (message?.kind === "hangup") this.#listener.hangUp();
      else if (message?.kind === "open") this.#counted(lingering, message.connections);
    } catch (error) {
      // Ignore this message, because only another version of this program understands it.
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

  /** Asks the oldest processes to end if more than `LINGERING_MOST` processes have connections. */
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
  /** The number of connections in the process's last report; null before the first report. */
  connections: number | null;
  /**
   * Whether this process has asked the earlier process to end because too many processes lingered.
   */
  isEnding: boolean;
}

function tell({ channel }: Lingering, message: FromLater): void {
  channel.send(message);
}
