// The least time between two warnings about the same limit, in milliseconds. A busy relay reaches
// its limit of connections again and again, because connections end and begin all the time.
const WARN_AGAIN = 60_000;

// The limit counts as no longer reached after all relays have accepted clients for this time, in
// milliseconds.
const QUIET = 10_000;

/**
 * The reason and the fix, for a warning about connections whose limit follows from the limit of
 * open files.
 */
export const RAISE_OPEN_FILES = "no more open files are allowed: LimitNOFILE=, ulimit -n";

/**
 * Decides when the log has lines about one limit. A spell begins when the limit is reached. The
 * spell ends when the limit has not been reached again for the time `QUIET`. The log warns when a
 * spell begins. If the limit is reached again in the same spell, the log warns again, but at most
 * once in each time `WARN_AGAIN`. At the end of the spell, the log says how long the spell lasted.
 */
export class LimitWarnings {
  readonly #ended: (milliseconds: number) => void;
  readonly #now: () => number;
  /** The number of relays that accept no clients because of this limit. */
  #pauses = 0;
  /** The time of the latest warning in this spell; -Infinity before the first one. */
  #warnedAt = -Infinity;
  /** The time at which the limit was first reached in this spell; null between two spells. */
  #since: number | null = null;
  /** The time at which `#pauses` last fell to 0. */
  #leftAt = 0;
  #quiet: Timer | undefined;

  /**
   * @param ended - called when a spell in which the log has warned ends, with the length of the
   *   spell in milliseconds
   * @param now - a clock in milliseconds that never goes back
   */
  constructor(ended: (milliseconds: number) => void, now = () => performance.now()) {
    this.#ended = ended;
    this.#now = now;
  }

  /**
   * Adds `change` to the number of relays that accept no clients because of the limit. `change` is
   * negative if a relay accepts clients again.
   */
  paused(change: number): void {
    this.#pauses += change;
    clearTimeout(this.#quiet);
    const now = this.#now();
    if (this.#pauses > 0) {
      this.#since ??= now;
    } else if (this.#since !== null) {
      this.#leftAt = now;
      this.#quiet = setTimeout(endSpell, QUIET, this);
      this.#quiet.unref();
    }
  }

  /**
   * Call this when the limit is reached. Returns whether the log must warn: true at the first call
   * in a spell, and then at most once in each time `WARN_AGAIN`.
   */
  warnsNow(): boolean {
    const now = this.#now();
    if (now - this.#warnedAt < WARN_AGAIN) return false;
    this.#warnedAt = now;
    return true;
  }

  /** Ends the spell. */
  end(): void {
    const since = this.#since;
    const hasWarned = this.#warnedAt > -Infinity;
    this.cancel();
    if (since !== null && hasWarned) this.#ended(this.#leftAt - since);
  }

  /** Ends the spell without a log line. Call this when the relays accept no clients any more. */
  cancel(): void {
    clearTimeout(this.#quiet);
    this.#since = null;
    this.#warnedAt = -Infinity;
  }
}

function endSpell(spell: LimitWarnings): void {
  spell.end();
}
