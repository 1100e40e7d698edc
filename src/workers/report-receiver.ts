import type { Observer, ReachedLimit } from "../relay/observer.ts";
import { FIGURES } from "./encode-connection-figures.ts";
import type { Batch, ConnectionReport, EventReport, Introduction } from "./worker-messages.ts";
import { decodeError } from "./encode-error.ts";
import { RemoteConnectionView } from "./remote-connection-view.ts";

/**
 * Passes the reports of one worker to an observer, and keeps a view of each reported connection.
 */
export class ReportReceiver {
  readonly #observer: Observer;
  readonly #open = new Map<number, RemoteConnectionView>();
  /**
   * The estimated difference between the clocks of two threads, in milliseconds: the time by this
   * thread's clock minus the time by the worker's clock. Each batch of reports gives an estimate:
   * the batch's arrival time minus its field `at`. The delay of a batch makes its estimate too
   * high, so the lowest estimate is the best. `Infinity` before the first batch.
   */
  #behind = Infinity;

  /** The number of proxies whose PROXY header the worker awaits, according to its reports. */
  #waitingForHeader = 0;
  /** The reasons for which the worker accepts no clients, according to its reports. */
  readonly #pauses = new Set<ReachedLimit>();

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  /** The number of connections that the worker has reported and that are still open. */
  get open(): number {
    return this.#open.size;
  }

  /**
   * Estimates again the difference between this thread's clock and the worker's clock. Call this
   * method with each batch when it arrives, before the batch's reports are passed to `pass`.
   */
  syncClock({ at }: Batch): void {
    this.#behind = Math.min(this.#behind, performance.now() - at);
  }

  /**
   * Passes the event of a report to the observer, or updates the view of the report's connection.
   */
  pass(report: EventReport): void {
    switch (report.kind) {
      case "warning":
        return this.#observer.warning(report.message);
      case "notice":
        return this.#observer.notice(report.message);
      case "fault":
        return this.#observer.fault(decodeError(report.error));
      case "refused":
        return this.#observer.refused(report.client, report.reason);
      case "full":
        return this.#observer.full(report.open, report.limit);
      case "reachedAgain":
        return this.#observer.reachedAgain();
      case "waitingForHeader":
        return this.#waiting(report.change);
      case "acceptingPaused":
        return this.#pausing(report.reason, report.change);
      case "figures":
        return this.#update(report.figures);
      case "introduction":
        return this.#meet(report);
      case "opened":
      case "connected":
      case "unreachable":
      case "halfClosed":
      case "closed":
        return this.#passConnection(report);
      default:
        // The compiler reports an error here if a kind of report has no case above.
        return report satisfies never;
    }
  }

  #waiting(change: number): void {
    this.#waitingForHeader += change;
    this.#observer.waitingForHeader(change);
  }

  #pausing(reason: ReachedLimit, change: number): void {
    if (change > 0) this.#pauses.add(reason);
    else this.#pauses.delete(reason);
    this.#observer.acceptingPaused(reason, change);
  }

  /**
   * Reports each open connection to the observer as closed with the ending "fault", and reports
   * that no PROXY header is awaited and no pause lasts any more. Called after the worker has died.
   */
  abandon(): void {
    if (this.#waitingForHeader > 0) this.#waiting(-this.#waitingForHeader);
    for (const reason of this.#pauses) this.#pausing(reason, -1);
    for (const connection of this.#open.values()) this.#observer.closed(connection, "fault");
    this.#open.clear();
  }

  #meet(introduction: Introduction): void {
    const openedAt = introduction.openedAt + this.#behind;
    this.#open.set(introduction.id, new RemoteConnectionView(introduction, openedAt));
  }

  #passConnection(report: Exclude<ConnectionReport, Introduction>): void {
    const connection = this.#open.get(report.id);
    if (connection === undefined) return;
    switch (report.kind) {
      case "opened":
        return this.#observer.opened(connection);
      case "connected":
        connection.noteConnect(report.reached);
        return this.#observer.connected(connection);
      case "unreachable":
        return this.#observer.unreachable(connection, report.failure);
      case "halfClosed":
        return this.#observer.halfClosed(connection, report.from);
      case "closed":
        this.#open.delete(report.id);
        connection.update(report.figures);
        connection.noteConnect(report.reached);
        return this.#observer.closed(connection, report.ending);
    }
  }

  #update(figures: Float64Array): void {
    for (let at = 0; at < figures.length; at += FIGURES) {
      const numbers = figures.subarray(at, at + FIGURES);
      this.#open.get(numbers[0] ?? 0)?.update(numbers);
    }
  }
}
