import type { Endpoint } from "../../address/address.ts";
import { printAddress } from "../../address/address.ts";
import { type ConnectionView, type Ending, ENDINGS, type Observer } from "../../relay/observer.ts";
import { type BothWays, OpenConnections } from "./open-connections.ts";

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
export class RelayStatistics {
  readonly startedAt = new Date();
  readonly open = new OpenConnections();
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
  #sourceIsLost = false;
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
      refused: (_client, reason) => increase(this.#refused, reason),
      connected: () => {
        this.connected += 1;
        this.#failingSince = null;
      },
      unreachable: (_connection, { code, message }) => {
        increase(this.#failed, code);
        this.#failingSince = now();
        this.lastFailure = { at: new Date(), code, message };
      },
      closed: (connection, ending) => this.#ended(connection, ending),
      full: () => {
        this.acceptPauses += 1;
      },
      sourceLost: () => {
        this.#sourceIsLost = true;
      },
      sourceBack: () => {
        this.#sourceIsLost = false;
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
    if (this.phase !== "listening") return this.phase;
    if (this.#sourceIsLost) return "the source's file is gone: nobody can connect";
    if (this.#failingSince === null) return null;
    const ago = this.#now() - this.#failingSince;
    if (ago >= FAILURE_LASTS_MS) return null;
    return `${Math.round(ago / 1_000)} s ago: ${this.lastFailure?.message ?? "a failure"}`;
  }

  #listening(endpoint: Endpoint): void {
    this.phase = "listening";
    this.source = printAddress(endpoint);
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

function increase(counts: Map<string, number>, word: string): void {
  const key = counts.has(word) || counts.size < WORDS_MOST ? word : OTHER_WORDS;
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
