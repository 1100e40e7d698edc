import type { SocketEndpoint } from "../../address/address.ts";
import { printAddress } from "../../address/address.ts";
import type { Endpoint } from "../../address/address.ts";
import type { Observer } from "../../relay/observer.ts";
import { AllRelays } from "./all-relays.ts";
import { EventLoopDelay } from "./event-loop-delay.ts";
import { PrometheusMetrics } from "./prometheus-metrics.ts";
import { RateHistory } from "./rate-history.ts";
import { RelayStatistics } from "./relay-statistics.ts";

/** A relay as it was asked for. */
export interface RelayDescription {
  /** The name that tells it from the other relays of the process. */
  readonly name: string;
  readonly source: Endpoint;
  readonly destination: SocketEndpoint;
  /** Options as on a command line. */
  readonly options: Readonly<Record<string, string>>;
  /** Connections that may be open at once. */
  readonly connectionsMax: number;
}

/** What the process that runs the relays knows and no relay reports. */
export interface ObservedProcess {
  /** How many lines of the log were lost since the start. */
  readonly logLinesLost: () => number;
  /** Connections that may be open at once in all relays together; null if no such limit is set. */
  readonly connectionsMax: number | null;
  /** The most bytes that all connections hold together; null if no such bound is known. */
  readonly memoryMax: number | null;
  /** The bytes that all connections hold together, up to a KiB a thread. */
  readonly heldBytes: () => number;
  /** Connections that processes before a handover still carry. */
  readonly earlierConnections: () => number;
  /** Looks at once at what the relays otherwise look at periodically, such as their socket files. */
  readonly look: () => void;
}

const NOTHING_KNOWN: ObservedProcess = {
  logLinesLost: () => 0,
  connectionsMax: null,
  memoryMax: null,
  heldBytes: () => 0,
  earlierConnections: () => 0,
  look: () => {},
};

/** A relay that is observed: what it was asked for, and what has happened. */
export interface ObservedRelay {
  readonly name: string;
  /** The source as it was asked for; the statistics have it as it was bound. */
  readonly source: string;
  readonly destination: string;
  readonly options: Readonly<Record<string, string>>;
  readonly connectionsMax: number;
  readonly statistics: RelayStatistics;
  readonly history: RateHistory;
}

/**
 * All that is known of the relays of a process, for the page, the status and Prometheus. It measures
 * until disposed.
 */
export class Observation implements Disposable {
  readonly metrics: PrometheusMetrics;
  readonly process: ObservedProcess;
  readonly all: AllRelays;
  readonly #relays: ObservedRelay[] = [];
  readonly #eventLoop: EventLoopDelay;
  /** The longest delay of the second that is under way, and of the one before. */
  #delayNow = 0;
  #delay = 0;

  constructor(process: Partial<ObservedProcess> = {}) {
    this.process = { ...NOTHING_KNOWN, ...process };
    this.all = new AllRelays(this.#relays);
    this.metrics = new PrometheusMetrics({ relays: this.#relays, process: this.process });
    this.#eventLoop = new EventLoopDelay(
      (seconds) => {
        this.metrics.late(seconds);
        this.#delayNow = Math.max(this.#delayNow, seconds);
      },
      () => this.#second(),
    );
  }

  /** The observed relays, in the order in which they were added. */
  get relays(): readonly ObservedRelay[] {
    return this.#relays;
  }

  /** The longest that the event loop was late in the last second, in seconds. */
  get eventLoopDelay(): number {
    return this.#delay;
  }

  /**
   * Why no client should be sent to this process now; null if clients should be. Of several relays,
   * the reason names the relay.
   */
  get notReadyBecause(): string | null {
    if (this.#relays.length === 0) return "starting";
    for (const { name, statistics } of this.#relays) {
      const reason = statistics.notReadyBecause;
      if (reason !== null) return this.#relays.length === 1 ? reason : `${name}: ${reason}`;
    }
    return null;
  }

  /** Adds a relay. The observers are to be given to it. */
  add(relay: RelayDescription): readonly Partial<Observer>[] {
    const statistics = new RelayStatistics();
    const { name, options, connectionsMax } = relay;
    this.#relays.push({
      name,
      source: printAddress(relay.source),
      destination: printAddress(relay.destination),
      options,
      connectionsMax,
      statistics,
      history: new RateHistory(statistics),
    });
    return [statistics.observer, this.metrics.observerOf(name)];
  }

  /** Another process is about to accept the clients in place of the relays: that is no outage. */
  handOver(): void {
    for (const { statistics } of this.#relays) statistics.isHandedOver = true;
  }

  [Symbol.dispose](): void {
    this.#eventLoop[Symbol.dispose]();
  }

  #second(): void {
    this.#delay = this.#delayNow;
    this.#delayNow = 0;
    for (const { history, statistics } of this.#relays)
      statistics.open.look(history.sample(this.#delay));
    this.all.sample(this.#delay);
    for (const { statistics } of this.#relays) statistics.connectTimes.clear();
  }
}
