/** A summary of events that were not logged one by one. */
export interface Repeats {
  /** The number of events. */
  readonly count: number;
  /**
   * The number of different clients. The counting stops at `CLIENTS_MOST`, so the value
   * `CLIENTS_MOST` means this number or more.
   */
  readonly clients: number;
  /** The length of the period in which the events were counted. */
  readonly milliseconds: number;
}

/**
 * The number of events of one reason that are written in full before further events are only
 * counted.
 */
const FIRST_LINES = 10;

/** The period, in milliseconds, after which one line sums up the events that were only counted. */
const PERIOD = 10_000;

/**
 * The time without an event, in milliseconds, after which the next events are written in full
 * again.
 */
const QUIET = 60_000;

/** The maximum number of reasons that are counted separately. */
const REASONS_MOST = 64;

/** The maximum number of different clients that are counted for one reason. */
export const CLIENTS_MOST = 1_000;

/**
 * The reason under which an event is counted if its own reason is new and `REASONS_MOST` reasons
 * exist already.
 */
const OTHER_REASONS = "others";

/** The events of one reason. */
interface Reason {
  /** The number of lines that were written in full since the last quiet time. */
  lines: number;
  /** The time of the last event, by the clock of the `RepeatedLines` object. */
  last: number;
  /** The number of events that were only counted since the last summary. */
  count: number;
  /** The time of the first event in `count`, by the clock of the `RepeatedLines` object. */
  since: number;
  readonly clients: Set<string>;
  /** The timer of the next summary; defined exactly while `count` is above 0. */
  timer: Timer | undefined;
  summarize: (repeats: Repeats) => void;
}

/**
 * Limits log lines that strangers can cause, so that they cannot fill a disk. The first events of
 * each reason are written in full. Further events are counted, and one line sums them up at the end
 * of each period (`PERIOD`).
 *
 * consola's throttle does not fit: consola holds back only a line that equals the previous line,
 * and stays silent while equal lines keep coming.
 */
export class RepeatedLines implements Disposable {
  readonly #reasons = new Map<string, Reason>();
  readonly #now: () => number;

  /** `now` is a clock in milliseconds that only goes forward. */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Adds an event. Writes the event in full, or only counts it for a later summary.
   *
   * @param name - the reason of the event
   * @param client - identifies the client; "" if it is unknown
   * @param write - writes the event in full; called before `add` returns, or never
   * @param summarize - writes one line for all events of this reason that were only counted; called
   *   at the end of the period, or earlier by `flush`; not called if `forget` dropped the count
   */
  add(
    name: string,
    client: string,
    write: () => void,
    summarize: (repeats: Repeats) => void,
  ): void {
    const reason = this.#reasonOf(name, summarize);
    const now = this.#now();
    if (reason.count === 0 && now - reason.last >= QUIET) reason.lines = 0;
    reason.last = now;
    if (reason.lines < FIRST_LINES) {
      reason.lines += 1;
      write();
      return;
    }
    if (reason.count === 0) {
      reason.since = now;
      reason.summarize = summarize;
      reason.timer = setTimeout(() => this.#sumUp(reason), PERIOD).unref();
    }
    reason.count += 1;
    if (reason.clients.size < CLIENTS_MOST) reason.clients.add(client);
  }

  /**
   * Writes the summaries of all counted events now, without waiting for the end of their periods.
   */
  flush(): void {
    for (const reason of this.#reasons.values()) if (reason.count > 0) this.#sumUp(reason);
  }

  /**
   * Drops the counts of all reasons that begin with `prefix`. Call this if another line has
   * reported the counted events.
   */
  forget(prefix: string): void {
    for (const [name, reason] of this.#reasons) if (name.startsWith(prefix)) startAnew(reason);
  }

  [Symbol.dispose](): void {
    this.flush();
  }

  #sumUp(reason: Reason): void {
    const { count, clients, since, summarize } = reason;
    const repeats = { count, clients: clients.size, milliseconds: this.#now() - since };
    startAnew(reason);
    summarize(repeats);
  }

  #reasonOf(name: string, summarize: (repeats: Repeats) => void): Reason {
    const known = this.#reasons.get(name);
    if (known !== undefined) return known;
    if (this.#reasons.size >= REASONS_MOST) this.#forgetQuiet();
    const isRoom = this.#reasons.size < REASONS_MOST || name === OTHER_REASONS;
    if (!isRoom) return this.#reasonOf(OTHER_REASONS, summarize);
    const reason: Reason = {
      lines: 0,
      last: this.#now(),
      count: 0,
      since: 0,
      clients: new Set(),
      timer: undefined,
      summarize,
    };
    this.#reasons.set(name, reason);
    return reason;
  }

  #forgetQuiet(): void {
    const now = this.#now();
    for (const [name, { count, last }] of this.#reasons)
      if (count === 0 && now - last >= QUIET) this.#reasons.delete(name);
  }
}

function startAnew(reason: Reason): void {
  clearTimeout(reason.timer);
  reason.timer = undefined;
  reason.count = 0;
  reason.clients.clear();
}
