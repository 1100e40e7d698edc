/** What went wrong for a client: the destination was not reached, or the client was refused. */
export type FailureKind = "unreachable" | "refused";

/** All failures of one kind for one reason. */
export interface FailureRecord {
  readonly kind: FailureKind;
  /** The system's code, or the reason of the refusal. */
  readonly reason: string;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** The last one in words. */
  readonly message: string;
}

/**
 * Counts failures by their reason. The caller bounds the number of different reasons.
 */
export class RecentFailures {
  readonly #records = new Map<
    string,
    { -readonly [Key in keyof FailureRecord]: FailureRecord[Key] }
  >();

  note(kind: FailureKind, reason: string, message: string): void {
    const now = Date.now();
    const key = `${kind} ${reason}`;
    const record = this.#records.get(key);
    if (record === undefined) {
      const first = { kind, reason, count: 1, firstAt: now, lastAt: now, message };
      this.#records.set(key, first);
      return;
    }
    record.count += 1;
    record.lastAt = now;
    record.message = message;
  }

  /** The records; the reason that was met last comes first. */
  list(): readonly FailureRecord[] {
    return Array.from(this.#records.values()).sort((a, b) => b.lastAt - a.lastAt);
  }
}
