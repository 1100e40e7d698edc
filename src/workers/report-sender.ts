import { type Event, silentObserver } from "../relay/combine-observers.ts";
import type { ConnectionView, Observer, ReachedLimit } from "../relay/observer.ts";
import type { SharedCounters } from "./shared-counters.ts";
import { encodeFigures } from "./encode-connection-figures.ts";
import type { ConnectionReport, Reached, Report, Start } from "./worker-messages.ts";
import { encodeError } from "./encode-error.ts";

// The time, in milliseconds, between two reports of the figures of a worker's open connections.
const FIGURES_PERIOD = 200;

/** The id of a connection, and the figures in the last report about it. */
class ReportedConnection {
  /** The connection's id; 0 before the first report about the connection. */
  id = 0;
  #figures: readonly number[] = [];

  /**
   * Returns the encoded figures if a figure has changed since the last call; else an empty array.
   */
  changedFigures(connection: ConnectionView): readonly number[] {
    const figures = encodeFigures(this.id, connection);
    if (figures.every((figure, index) => figure === this.#figures[index])) return [];
    this.#figures = figures;
    return figures;
  }
}

/**
 * Observes the connections of one worker's share of a relay. Counts them in the counters that all
 * workers share. Reports to the main thread the events that the main thread's observer handles, and
 * the events that the pool of workers needs. All reports of one turn of the event loop go in one
 * message.
 */
export class ReportSender {
  /**
   * The observer of this worker's share. Its type is `Observer`, so the compiler reports an event
   * that has no handler here.
   */
  readonly observer: Observer;
  readonly #post: (reports: readonly Report[]) => void;
  readonly #counts: SharedCounters;
  readonly #worker: number;
  readonly #observed: ReadonlySet<Event>;
  readonly #open = new Map<ConnectionView, ReportedConnection>();
  #reports: Report[] = [];
  #posting: ReturnType<typeof setImmediate> | undefined;
  #figures: Timer | undefined;
  #afterOpened = () => {};
  /**
   * The change of the number of PROXY headers that this worker awaits, since the last report of the
   * kind `waitingForHeader`.
   */
  #waitingForHeader = 0;
  /**
   * For each reason to accept no clients: the number of pauses that began since the last report,
   * minus the number of pauses that ended since then.
   */
  readonly #pauses = new Map<ReachedLimit, number>();

  constructor(
    { index, wanted, connectionsMax }: Pick<Start, "index" | "wanted" | "connectionsMax">,
    counts: SharedCounters,
    post: (reports: readonly Report[]) => void,
  ) {
    this.#post = post;
    this.#counts = counts;
    this.#worker = index;
    this.#observed = new Set(wanted);
    this.observer = {
      listening: silentObserver.listening,
      // The main thread watches the socket file, so a worker reports no loss of the source.
      sourceLost: silentObserver.sourceLost,
      sourceBack: silentObserver.sourceBack,
      // The main thread writes the capture file.
      captureEnded: silentObserver.captureEnded,
      opened: (connection) => this.#opened(connection),
      closed: (connection, ending) => {
        this.#counts.closed(this.#worker);
        this.#closed(connection, ending);
      },
      connected: this.#ifWanted("connected", (connection) =>
        this.#tellAbout(connection, (id) => ({
          kind: "connected",
          id,
          reached: reachedOf(connection),
        })),
      ),
      unreachable: this.#ifWanted("unreachable", (connection, failure) =>
        this.#tellAbout(connection, (id) => ({ kind: "unreachable", id, failure })),
      ),
      reachedAgain: this.#ifWanted("reachedAgain", () => this.tell({ kind: "reachedAgain" })),
      halfClosed: this.#ifWanted("halfClosed", (connection, from) =>
        this.#tellAbout(connection, (id) => ({ kind: "halfClosed", id, from })),
      ),
      refused: this.#ifWanted("refused", (client, reason) =>
        this.tell({ kind: "refused", client, reason }),
      ),
      waitingForHeader: (change) => {
        this.#counts.waitingForHeader(this.#worker, change);
        if (!this.#observed.has("waitingForHeader")) return;
        this.#waitingForHeader += change;
        this.#postLater();
      },
      acceptingPaused: this.#ifWanted("acceptingPaused", (reason, change) => {
        this.#pauses.set(reason, (this.#pauses.get(reason) ?? 0) + change);
        this.#postLater();
      }),
      full: (open, limit) => {
        // Always report a limit that all relays share. The pool decides whether the observer gets
        // the report, because only the pool knows the connections of all workers.
        if (limit !== "own") return this.tell({ kind: "full", open, limit });
        const total = this.#counts.total();
        // Report that the relay's own limit is reached only if all workers are full, because until
        // then another worker accepts the clients.
        if (total >= connectionsMax && this.#counts.filled())
          this.tell({ kind: "full", open: total, limit });
      },
      fault: (error) => this.tell({ kind: "fault", error: encodeError(error) }),
      warning: (message) => this.tell({ kind: "warning", message }),
      notice: this.#ifWanted("notice", (message) => this.tell({ kind: "notice", message })),
      draining: () => this.tell({ kind: "draining" }),
      stopped: ({ cut }) => this.tell({ kind: "stopped", cut }),
    };
  }

  /** Sets a function that is called after each accepted connection has been counted. */
  afterOpened(act: () => void): void {
    this.#afterOpened = act;
  }

  /** Queues a report; it is sent at the end of this turn of the event loop. */
  tell(report: Report): void {
    this.#reports.push(report);
    this.#postLater();
  }

  #postLater(): void {
    this.#posting ??= setImmediate(() => this.flush());
  }

  /** Sends the queued reports now. */
  flush(): void {
    clearImmediate(this.#posting);
    this.#posting = undefined;
    // Send no report if the number of awaited PROXY headers is the same as before. This is the
    // usual case, because most headers arrive in the turn of the event loop in which the wait for
    // them began.
    if (this.#waitingForHeader !== 0)
      this.#reports.push({ kind: "waitingForHeader", change: this.#waitingForHeader });
    this.#waitingForHeader = 0;
    // Report only the sum of the changes for each reason, because a worker at its limit of
    // connections may pause and resume many times in one turn of the event loop.
    for (const [reason, change] of this.#pauses)
      if (change !== 0) this.#reports.push({ kind: "acceptingPaused", reason, change });
    this.#pauses.clear();
    if (this.#reports.length > 0) this.#post(this.#reports);
    this.#reports = [];
  }

  #ifWanted<Name extends Event>(event: Name, listener: Observer[Name]): Observer[Name] {
    return this.#observed.has(event) ? listener : silentObserver[event];
  }

  #opened(connection: ConnectionView): void {
    this.#counts.opened(this.#worker);
    this.#open.set(connection, new ReportedConnection());
    if (this.#observed.has("opened")) {
      this.#tellAbout(connection, (id) => ({ kind: "opened", id }));
      this.#figures ??= setInterval(() => this.#tellFigures(), FIGURES_PERIOD);
    }
    this.#afterOpened();
  }

  #closed(connection: ConnectionView, ending: Parameters<Observer["closed"]>[1]): void {
    const told = this.#open.get(connection);
    // Report the end of a connection if the observer handles this event, or if the main thread has
    // already got a report about the connection: the main thread keeps a view of such a connection
    // until the report of its end.
    if (this.#observed.has("closed") || (told?.id ?? 0) > 0)
      this.#tellAbout(connection, (id) => ({
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

  /**
   * Reports an event of a connection. Before the first event of the connection, sends a report of
   * the kind `introduction`, which describes the client.
   */
  #tellAbout(connection: ConnectionView, report: (id: number) => ConnectionReport): void {
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
    for (const [connection, told] of this.#open) figures.push(...told.changedFigures(connection));
    if (figures.length > 0) this.tell({ kind: "figures", figures: new Float64Array(figures) });
  }
}

function reachedOf({ connectedAt, destinationAddress }: ConnectionView): Reached | null {
  return connectedAt === null ? null : { at: connectedAt, address: destinationAddress };
}
