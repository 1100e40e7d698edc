import type { Endpoint } from "../../address/address.ts";
import { printAddress } from "../../address/address.ts";
import {
  type ConnectionView,
  type Ending,
  ENDINGS,
  type Observer,
  type SourceLoss,
} from "../../relay/observer.ts";
import { ConnectTimes } from "./connect-times.ts";
import { type BothWays, OpenConnections } from "./open-connections.ts";
import type { SampledFigures, Totals } from "./rate-history.ts";
import { type FailureKind, RecentFailures } from "./recent-failures.ts";

/** The state of the whole relay. */
export type Phase = "starting" | "listening" | "draining" | "stopped";

/** Counts per word: per error code, per ending. */
export type CountsByReason = ReadonlyMap<string, number>;

/** The last time that the destination could not be reached. */
export interface LastFailure {
  readonly at: Date;
  readonly code: string;
  readonly message: string;
}

// Each word is a series in Prometheus, so their number is bounded.
const WORDS_MOST = 64;
const OTHER_WORDS = "other";

// The relay learns that its destination is back only from clients. After this time it counts as ready
// again, so that a load balancer sends it a client.
const FAILURE_LASTS_MS = 30_000;

/**
 * Counts what happens in a relay. Bytes cost nothing while they move: they are read from the open
 * connections when somebody asks, and added up when one closes.
 */
export class RelayStatistics implements SampledFigures {
  readonly startedAt = new Date();
  readonly open = new OpenConnections();
  /** The connects since it was last cleared. */
  readonly connectTimes = new ConnectTimes();
  /** Failures and refusals by their reason. */
  readonly failures = new RecentFailures();
  readonly observer: Partial<Observer>;
  phase: Phase = "starting";
  /** The source as bound; null before it is. */
  source: string | null = null;
  /** Connections accepted. */
  accepted = 0;
  /** Of those, the ones that reached the destination. */
  connected = 0;
  acceptPauses = 0;
  faults = 0;
  /** Whether another process accepts the clients, so that they should be sent there all the same. */
  isHandedOver = false;
  lastFailure: LastFailure | null = null;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #refused = new Map<string, number>();
  readonly #failed = new Map<string, number>();
  /** Each ending is counted from 0 on. */
  readonly #closed = new Map<string, number>(ENDINGS.map((ending) => [ending, 0]));
  // Totals of closed connections.
  #bytesUp = 0;
  #bytesDown = 0;
  #pausesUp = 0;
  #pausesDown = 0;
  /** What of the source is lost; null if clients can find it. */
  #lost: SourceLoss | null = null;
  /** When the destination was last found unreachable; null after a success. */
  #failingSince: number | null = null;

  /** `now` is a clock in milliseconds that only goes forward. */
  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#startedAt = now();
    this.observer = {
      listening: (endpoint) => this.#listening(endpoint),
      opened: (connection) => {
        this.accepted += 1;
        this.open.add(connection);
      },
      refused: (client, reason) => {
        const who = client === "" ? "a client" : client;
        this.#failure("refused", this.#refused, reason, `${who} was refused: ${reason}`);
      },
      connected: ({ openedAt, connectedAt }) => {
        this.connected += 1;
        this.#failingSince = null;
        if (connectedAt !== null) this.connectTimes.note(connectedAt - openedAt);
      },
      unreachable: (_connection, { code, message }) => {
        this.#failure("unreachable", this.#failed, code, message);
        this.#failingSince = now();
        this.lastFailure = { at: new Date(), code, message };
      },
      closed: (connection, ending) => this.#ended(connection, ending),
      full: () => {
        this.acceptPauses += 1;
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

  /** Seconds since the start, by a clock that only goes forward. */
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

  /** Refused clients, per reason. */
  get refused(): CountsByReason {
    return this.#refused;
  }

  /** Connections whose destination could not be reached, per error code. */
  get failed(): CountsByReason {
    return this.#failed;
  }

  /** Closed connections, per ending. */
  get closed(): CountsByReason {
    return this.#closed;
  }

  /** Bytes read so far, of open and closed connections. */
  get bytes(): BothWays {
    const { up, down } = this.open.bytes();
    return { up: this.#bytesUp + up, down: this.#bytesDown + down };
  }

  /** How often reading paused because the other side was full; `up` is reading from clients. */
  get pauses(): BothWays {
    const { up, down } = this.open.pauses();
    return { up: this.#pausesUp + up, down: this.#pausesDown + down };
  }

  /**
   * Why a load balancer should send no client here now; null if it should. Whether the destination
   * can be reached is known from clients only: the relay never connects for itself.
   */
  get notReadyBecause(): string | null {
    if (this.isHandedOver) return null;
    if (this.phase !== "listening") return this.phase;
    if (this.#lost !== null) return `the source's ${this.#lost} is gone: nobody can connect`;
    if (this.#failingSince === null) return null;
    const ago = this.#now() - this.#failingSince;
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

/** Counts a word; gives the word under which it was counted. */
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
