import type { Endpoint } from "../../address/address.ts";
import { printAddress } from "../../address/address.ts";
import {
  type ReachedLimit,
  type ConnectionView,
  type Ending,
  ENDINGS,
  type Observer,
  type SourceLoss,
} from "../../relay/observer.ts";
import { ConnectTimes } from "./connect-time-percentiles.ts";
import { type BothWays, OpenConnections } from "./open-connections.ts";
import type { SampledFigures, Totals } from "./rate-history.ts";
import { type FailureKind, RecentFailures } from "./recent-failures.ts";

/** The phases of a relay, in the order in which a relay goes through them. */
export type Phase = "starting" | "listening" | "draining" | "stopped";

/**
 * A count for each reason: for each error code, each reason of a refusal, or each way in which a
 * connection can end.
 */
export type CountsByReason = ReadonlyMap<string, number>;

/** The last failure to reach the destination. */
export interface LastFailure {
  readonly at: Date;
  readonly code: string;
  readonly message: string;
}

// The maximum number of reasons that one map counts separately. There is a limit because each
// reason is a time series in Prometheus.
const WORDS_MOST = 64;

// The key under which a map that has `WORDS_MOST` reasons counts all other reasons together.
const OTHER_WORDS = "other";

// The time for which a relay counts as not ready after a failure to reach the destination. The
// relay tries the destination only for clients, and a load balancer sends no clients to a relay
// that is not ready. So the relay must count as ready again after some time.
const FAILURE_LASTS_MS = 30_000;

/**
 * Counts the events of a relay. The relay does not call this class for the bytes that it moves:
 * each open connection counts its own bytes. These counts are read when somebody asks for the
 * figures, and are added to the totals when the connection closes.
 */
export class RelayStatistics implements SampledFigures {
  readonly startedAt = new Date();
  readonly open = new OpenConnections();
  /** The connect times since the last `clear()`. */
  readonly connectTimes = new ConnectTimes();
  /** The failures to reach the destination and the refused clients, by their reason. */
  readonly failures = new RecentFailures();
  readonly observer: Partial<Observer>;
  phase: Phase = "starting";
  /** The address of the source as bound; null before the source is bound. */
  source: string | null = null;
  /** The number of accepted connections. */
  accepted = 0;
  /** The number of accepted connections that reached the destination. */
  connected = 0;
  /**
   * The number of times that the relay stopped accepting clients. A pause for several reasons
   * counts once, and with workers a pause counts only if all workers pause.
   */
  acceptPauses = 0;
  /**
   * For each reason to accept no clients: the number of pauses that have begun and not ended. The
   * number can be 2 (`acceptPausesByWord`).
   */
  readonly acceptingPaused = new Map<ReachedLimit, number>();
  faults = 0;
  /**
   * The number of accepted clients that are proxies and have not sent their whole PROXY header.
   */
  waitingForHeader = 0;
  /**
   * The reason why the capture (option `--capture`) has ended before the relay; null if the capture
   * is still running, or if the relay has no capture.
   */
  captureEnded: string | null = null;
  /**
   * Whether another process now accepts the clients of this source. If true, the relay counts as
   * ready, because new clients reach that process.
   */
  isHandedOver = false;
  lastFailure: LastFailure | null = null;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #refused = new Map<string, number>();
  readonly #failed = new Map<string, number>();
  /**
   * The number of closed connections for each way in which a connection can end. All ways are
   * present from the start, with the count 0.
   */
  readonly #closed = new Map<string, number>(ENDINGS.map((ending) => [ending, 0]));
  /** The number of bytes that closed connections have read from clients. */
  #bytesUp = 0;
  /** The number of bytes that closed connections have read from the destination. */
  #bytesDown = 0;
  /** The number of times that closed connections have paused reading from clients. */
  #pausesUp = 0;
  /** The number of times that closed connections have paused reading from the destination. */
  #pausesDown = 0;
  /**
   * Non-null exactly while clients cannot find the source, because its socket `file` or its
   * `network namespace` is gone.
   */
  #lost: SourceLoss | null = null;
  /**
   * The time of the latest failure to reach the destination, by `#now`; null before the first
   * failure, and after each success.
   */
  #lastFailureAt: number | null = null;

  /** @param now - a clock in milliseconds that never goes back */
  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#startedAt = now();
    this.observer = {
      listening: (endpoint) => this.#listening(endpoint),
      opened: (connection) => {
        this.accepted += 1;
        this.open.add(connection);
      },
      waitingForHeader: (change) => {
        this.waitingForHeader += change;
      },
      captureEnded: (_path, reason) => {
        this.captureEnded = reason;
      },
      refused: (client, reason) => {
        const who = client === "" ? "a client" : client;
        this.#failure("refused", this.#refused, reason, `${who} was refused: ${reason}`);
      },
      connected: ({ openedAt, connectedAt }) => {
        this.connected += 1;
        this.#lastFailureAt = null;
        if (connectedAt !== null) this.connectTimes.note(connectedAt - openedAt);
      },
      unreachable: (_connection, { code, message }) => {
        this.#failure("unreachable", this.#failed, code, message);
        this.#lastFailureAt = now();
        this.lastFailure = { at: new Date(), code, message };
      },
      closed: (connection, ending) => this.#ended(connection, ending),
      acceptingPaused: (reason, change) => {
        if (change > 0 && sumOf(this.acceptingPaused) === 0) this.acceptPauses += 1;
        this.acceptingPaused.set(reason, (this.acceptingPaused.get(reason) ?? 0) + change);
      },
      sourceLost: (what) => {
        this.#lost = what;
      },
      sourceBack: () => {
        this.#lost = null;
      },
      draining: () => {
        this.phase = "draining";
      },
      stopped: () => {
        this.phase = "stopped";
      },
      fault: () => {
        this.faults += 1;
      },
    };
  }

  /** The seconds since the start, by a clock that never goes back. */
  get uptime(): number {
    return (this.#now() - this.#startedAt) / 1_000;
  }

  totals(): Totals {
    return {
      at: this.uptime,
      ...this.bytes,
      open: this.open.size,
      accepted: this.accepted,
      failed: sumOf(this.#failed),
      refused: sumOf(this.#refused),
    };
  }

  /** The number of refused clients for each reason. */
  get refused(): CountsByReason {
    return this.#refused;
  }

  /** The number of connections that could not reach the destination, for each error code. */
  get failed(): CountsByReason {
    return this.#failed;
  }

  /** The number of closed connections for each way in which a connection can end. */
  get closed(): CountsByReason {
    return this.#closed;
  }

  /** The number of bytes that open and closed connections have read. */
  get bytes(): BothWays {
    const { up, down } = this.open.bytes();
    return { up: this.#bytesUp + up, down: this.#bytesDown + down };
  }

  /**
   * The number of times that reading from a side paused because the other side took no more bytes.
   * `up` counts the pauses of reading from clients.
   */
  get pauses(): BothWays {
    const { up, down } = this.open.pauses();
    return { up: this.#pausesUp + up, down: this.#pausesDown + down };
  }

  /**
   * The reason why a load balancer should send no clients to this relay now; null if the relay is
   * ready for clients. The relay connects to the destination only for clients. So it learns only
   * from these connections whether the destination can be reached.
   */
  get notReadyBecause(): string | null {
    if (this.isHandedOver) return null;
    if (this.phase !== "listening") return this.phase;
    if (this.#lost !== null) return `the source's ${this.#lost} is gone: nobody can connect`;
    if (this.#lastFailureAt === null) return null;
    const ago = this.#now() - this.#lastFailureAt;
    if (ago >= FAILURE_LASTS_MS) return null;
    return `${Math.round(ago / 1_000)} s ago: ${this.lastFailure?.message ?? "a failure"}`;
  }

  #listening(endpoint: Endpoint): void {
    this.phase = "listening";
    this.source = printAddress(endpoint);
  }

  #failure(kind: FailureKind, counts: Map<string, number>, reason: string, message: string): void {
    this.failures.note(kind, increase(counts, reason), message);
  }

  #ended(connection: ConnectionView, ending: Ending): void {
    this.open.delete(connection);
    increase(this.#closed, ending);
    this.#bytesUp += connection.bytesUp;
    this.#bytesDown += connection.bytesDown;
    this.#pausesUp += connection.pausesUp;
    this.#pausesDown += connection.pausesDown;
  }
}

/**
 * Adds 1 to the count of `word`: an error code, a reason of a refusal, or a way in which a
 * connection can end. If `word` is new and `counts` already has `WORDS_MOST` keys, adds 1 to the
 * count of `OTHER_WORDS` instead.
 *
 * @returns the key whose count was increased
 */
function increase(counts: Map<string, number>, word: string): string {
  const key = counts.has(word) || counts.size < WORDS_MOST ? word : OTHER_WORDS;
  counts.set(key, (counts.get(key) ?? 0) + 1);
  return key;
}

function sumOf(counts: CountsByReason): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
