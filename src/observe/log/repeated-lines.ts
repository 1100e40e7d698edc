/** What happened since the last line about a reason. */
export interface Repeats {
  /** How often it happened. */
  readonly count: number;
  /** How many different clients it happened to; as many as `CLIENTS_MOST` stands for more. */
  readonly clients: number;
  /** For how long it was counted. */
  readonly milliseconds: number;
}

/** Lines of a reason that are written in full. */
const FIRST_LINES = 10;

/** How often the further ones are summed up, in milliseconds. */
const PERIOD = 10_000;

/** After so long without one, the first ones are written in full again, in milliseconds. */
const QUIET = 60_000;

/** Reasons that are told apart. */
const REASONS_MOST = 64;

/** Clients of one reason that are told apart. */
export const CLIENTS_MOST = 1_000;

/** The reason of those that came when `REASONS_MOST` others were known. */
const OTHER_REASONS = "others";

/** One reason and what has happened for it. */
interface Reason {
  /** Lines written in full since the last quiet time. */
  lines: number;
  /** When it last happened: `performance.now()`. */
  last: number;
  /** What was not written in full since `since`; 0 exactly while `timer` is not running. */
  count: number;
  since: number;
  readonly clients: Set<string>;
  timer: Timer | undefined;
  summarize: (repeats: Repeats) => void;
}

/**
 * Keeps lines that strangers can cause from filling a disk: of each reason the first lines are
 * written in full, the further ones are counted and summed up in one line each 10 s.
 *
 * The throttle of consola does not do: it holds back only a line that equals the one before it, and
 * for as long as they keep coming it says nothing.
 */
export class RepeatedLines implements Disposable {
  readonly #reasons = new Map<string, Reason>();
  readonly #now: () => number;

  /** `now` is a clock in milliseconds that only goes forward. */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Something happened to a client for a reason.
   *
   * @param client - tells clients apart; "" if none is known
   * @param write - writes it in full. Called now or never
   * @param summarize - writes one line for all that were not written in full. Called later
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

  /** Writes what was counted and not yet summed up. */
  flush(): void {
    for (const reason of this.#reasons.values()) if (reason.count > 0) this.#sumUp(reason);
  }

  /** Forgets what was counted for reasons that begin so, because another line says it. */
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
