import type { SocketEndpoint } from "../../address/address.ts";
import { printAddress } from "../../address/address.ts";
import type { Endpoint } from "../../address/address.ts";
import type { Observer } from "../../relay/observer.ts";
import { SumsOfAllRelays } from "./sums-of-all-relays.ts";
import { EventLoopDelay } from "./event-loop-delay.ts";
import type { ProcessFigures } from "./metrics-of-process.ts";
import { PrometheusMetrics } from "./prometheus-metrics.ts";
import { RateHistory } from "./rate-history.ts";
import { RelayStatistics } from "./relay-statistics.ts";

/** A relay as the user configured it. */
export interface RelayDescription {
  /** The relay's name, unique within the process. */
  readonly name: string;
  readonly source: Endpoint;
  readonly destination: SocketEndpoint;
  /**
   * The relay's options as on a command line: the values that the user gave, and the defaults of
   * the other options. An option without a value and without a default is left out.
   */
  readonly options: Readonly<Record<string, string>>;
  /** The maximum number of connections that may be open at the same time. */
  readonly connectionsMax: number;
}

/**
 * Figures of the process that no single relay can report, and `look`, which brings the figures of
 * the relays up to date.
 */
export interface ObservedProcess extends ProcessFigures {
  /**
   * Makes the relays run their periodic checks now, for example whether their socket files still
   * exist.
   */
  readonly look: () => void;
}

const NOTHING_KNOWN: ObservedProcess = {
  logLinesLost: () => 0,
  connectionsMax: null,
  memoryMax: null,
  heldBytes: () => 0,
  workers: null,
  earlierConnections: () => 0,
  look: () => {},
};

/** An observed relay: its configuration and its figures. */
export interface ObservedRelay {
  readonly name: string;
  /** The source as the user configured it. `statistics.source` has the address that was bound. */
  readonly source: string;
  readonly destination: string;
  readonly options: Readonly<Record<string, string>>;
  readonly connectionsMax: number;
  readonly statistics: RelayStatistics;
  readonly history: RateHistory;
}

/**
 * All figures about the relays of a process, for the status page, the status document and
 * Prometheus. The figures are measured periodically until this object is disposed.
 */
export class Observation implements Disposable {
  readonly metrics: PrometheusMetrics;
  readonly process: ObservedProcess;
  readonly all: SumsOfAllRelays;
  readonly #relays: ObservedRelay[] = [];
  readonly #eventLoop: EventLoopDelay;
  /** The longest delay of the event loop since the last call of `#second`, in seconds. */
  #delayNow = 0;
  /** The longest delay of the event loop between the last two calls of `#second`, in seconds. */
  #delay = 0;

  constructor(process: Partial<ObservedProcess> = {}) {
    this.process = { ...NOTHING_KNOWN, ...process };
    this.all = new SumsOfAllRelays(this.#relays);
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

  /** The longest delay of the event loop in the last second, in seconds. */
  get eventLoopDelay(): number {
    return this.#delay;
  }

  /**
   * The reason why a load balancer should send no clients to this process now; null if the process
   * is ready for clients. If the process has several relays, the text names the relay that is not
   * ready.
   */
  get notReadyBecause(): string | null {
    if (this.#relays.length === 0) return "starting";
    for (const { name, statistics } of this.#relays) {
      const reason = statistics.notReadyBecause;
      if (reason !== null) return this.#relays.length === 1 ? reason : `${name}: ${reason}`;
    }
    return null;
  }

  /** Adds a relay. The caller must give the returned observers to the relay. */
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

  /**
   * Makes the relays count as ready from now on. They accept no clients any more, but new clients
   * reach another process. Call this when that process is about to accept the clients of these
   * relays.
   */
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
