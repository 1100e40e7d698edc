/** The kind of a failure: the destination could not be reached, or the relay refused the client. */
export type FailureKind = "unreachable" | "refused";

/** The record of all failures that have the same kind and the same reason. */
export interface FailureRecord {
  readonly kind: FailureKind;
  /**
   * The system's error code of an unreachable destination, or the reason for refusing the client.
   */
  readonly reason: string;
  readonly count: number;
  /** The time of the first failure, in milliseconds since 1970. */
  readonly firstAt: number;
  /** The time of the last failure, in milliseconds since 1970. */
  readonly lastAt: number;
  /** The message of the last failure, in words. */
  readonly message: string;
}

/**
 * Counts failures by kind and reason. The number of different reasons has no limit here, so the
 * caller must limit it.
 */
export class RecentFailures {
  /** In the order of the last failures. */
  readonly #records = new Map<string, FailureRecord>();

  note(kind: FailureKind, reason: string, message: string): void {
    const now = Date.now();
    const key = `${kind} ${reason}`;
    const before = this.#records.get(key);
    // Remove the record first, because otherwise a `Map` keeps it at its old place.
    this.#records.delete(key);
    this.#records.set(key, {
      ...{ kind, reason, message },
      count: (before?.count ?? 0) + 1,
      firstAt: before?.firstAt ?? now,
      lastAt: now,
    });
  }

  /** The records, sorted by the time of the last failure, latest first. */
  list(): readonly FailureRecord[] {
    return [...this.#records.values()].reverse();
  }
}
