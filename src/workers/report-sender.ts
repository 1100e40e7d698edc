import { type Event, silentObserver } from "../relay/combine-observers.ts";
import type { ConnectionView, Observer } from "../relay/observer.ts";
import type { SharedCounters } from "./shared-counters.ts";
import { encodeFigures } from "./encode-figures.ts";
import type { ConnectionReport, Reached, Report, Start } from "./messages.ts";
import { encodeError } from "./encode-error.ts";

// How old the figures of an open connection get in the main thread, in milliseconds.
const FIGURES_PERIOD = 200;

/** What of a connection was told. */
class Told {
  /** 0 before it was introduced. */
  id = 0;
  #figures: readonly number[] = [];

  /** The figures where one has changed since the last call; else none. */
  news(connection: ConnectionView): readonly number[] {
    const figures = encodeFigures(this.id, connection);
    if (figures.every((figure, index) => figure === this.#figures[index])) return [];
    this.#figures = figures;
    return figures;
  }
}

/**
 * A worker's observer: it counts connections for all threads to see, and tells the main thread of
 * what somebody there listens to, in one message a turn of the event loop.
 */
export class ReportSender {
  /** Has every event: one that the main thread should hear of and does not, does not compile. */
  readonly observer: Observer;
  readonly #post: (reports: readonly Report[]) => void;
  readonly #counts: SharedCounters;
  readonly #worker: number;
  readonly #wanted: ReadonlySet<Event>;
  readonly #open = new Map<ConnectionView, Told>();
  #reports: Report[] = [];
  #posting: ReturnType<typeof setImmediate> | undefined;
  #figures: Timer | undefined;
  #afterOpened = () => {};

  constructor(
    { index, wanted, connectionsMax }: Pick<Start, "index" | "wanted" | "connectionsMax">,
    counts: SharedCounters,
    post: (reports: readonly Report[]) => void,
  ) {
    this.#post = post;
    this.#counts = counts;
    this.#worker = index;
    this.#wanted = new Set(wanted);
    this.observer = {
      listening: silentObserver.listening,
      // The pool looks after the file.
      sourceLost: silentObserver.sourceLost,
      sourceBack: silentObserver.sourceBack,
      opened: (connection) => this.#opened(connection),
      closed: (connection, ending) => {
        this.#counts.closed(this.#worker);
        this.#closed(connection, ending);
      },
      connected: this.#ifWanted("connected", (connection) =>
        this.#about(connection, (id) => ({
          kind: "connected",
          id,
          reached: reachedOf(connection),
        })),
      ),
      unreachable: this.#ifWanted("unreachable", (connection, failure) =>
        this.#about(connection, (id) => ({ kind: "unreachable", id, failure })),
      ),
      reachedAgain: this.#ifWanted("reachedAgain", () => this.tell({ kind: "reachedAgain" })),
      halfClosed: this.#ifWanted("halfClosed", (connection, from) =>
        this.#about(connection, (id) => ({ kind: "halfClosed", id, from })),
      ),
      refused: this.#ifWanted("refused", (client, reason) =>
        this.tell({ kind: "refused", client, reason }),
      ),
      full: () => {
        const open = this.#counts.total();
        // While another worker has a place, nobody waits.
        if (open >= connectionsMax) this.tell({ kind: "full", open });
      },
      fault: (error) => this.tell({ kind: "fault", error: encodeError(error) }),
      warning: (message) => this.tell({ kind: "warning", message }),
      notice: this.#ifWanted("notice", (message) => this.tell({ kind: "notice", message })),
      draining: () => this.tell({ kind: "draining" }),
      stopped: ({ cut }) => this.tell({ kind: "stopped", cut }),
    };
  }

  /** Calls `act` after each connection that was taken and counted. */
  afterOpened(act: () => void): void {
    this.#afterOpened = act;
  }

  /** Tells the main thread at the end of this turn. */
  tell(report: Report): void {
    this.#reports.push(report);
    this.#posting ??= setImmediate(() => this.flush());
  }

  /** Tells it now what it was not told yet. */
  flush(): void {
    clearImmediate(this.#posting);
    this.#posting = undefined;
    if (this.#reports.length > 0) this.#post(this.#reports);
    this.#reports = [];
  }

  #ifWanted<Name extends Event>(event: Name, listener: Observer[Name]): Observer[Name] {
    return this.#wanted.has(event) ? listener : silentObserver[event];
  }

  #opened(connection: ConnectionView): void {
    this.#counts.opened(this.#worker);
    this.#open.set(connection, new Told());
    if (this.#wanted.has("opened")) {
      this.#about(connection, (id) => ({ kind: "opened", id }));
      this.#figures ??= setInterval(() => this.#tellFigures(), FIGURES_PERIOD);
    }
    this.#afterOpened();
  }

  #closed(connection: ConnectionView, ending: Parameters<Observer["closed"]>[1]): void {
    const told = this.#open.get(connection);
    // Who was told of a connection waits for its end.
    if (this.#wanted.has("closed") || (told?.id ?? 0) > 0)
      this.#about(connection, (id) => ({
        kind: "closed",
        id,
        ending,
        reached: reachedOf(connection),
        figures: new Float64Array(encodeFigures(id, connection)),
      }));
    this.#open.delete(connection);
    if (this.#open.size > 0) return;
    clearInterval(this.#figures);
    this.#figures = undefined;
  }

  /** Tells something of a connection, and before the first such who it is. */
  #about(connection: ConnectionView, report: (id: number) => ConnectionReport): void {
    const told = this.#open.get(connection);
    if (told === undefined) return;
    if (told.id === 0) {
      told.id = this.#counts.nextId();
      const { openedAt, clientAddress, clientPeer } = connection;
      this.tell({ kind: "introduction", id: told.id, openedAt, clientAddress, clientPeer });
    }
    this.tell(report(told.id));
  }

  #tellFigures(): void {
    const figures: number[] = [];
    for (const [connection, told] of this.#open) figures.push(...told.news(connection));
    if (figures.length > 0) this.tell({ kind: "figures", figures: new Float64Array(figures) });
  }
}

function reachedOf({ connectedAt, destinationAddress }: ConnectionView): Reached | null {
  return connectedAt === null ? null : { at: connectedAt, address: destinationAddress };
}
