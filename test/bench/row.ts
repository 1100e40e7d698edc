import type { Redis, Streams } from "./destinations.ts";
import type { Pool } from "./pool.ts";
import type { Direction, Relay, Relays } from "./relays.ts";
import type { Figure, Sample } from "./samples.ts";

/** What loads are made with. */
export interface Bench {
  readonly streams: Streams;
  /** Missing on some machines, and with it the rows that need it. */
  readonly redis: Redis | undefined;
  readonly relays: Relays;
  readonly pool: Pool;
  /** How long a load lasts, about. */
  readonly seconds: number;
  /** Whether this run is to be over soon. */
  readonly quick: boolean;
  /** Goes around the load of a row on a relay: see attach.ts. */
  around<Result>(row: string, relay: Relay, work: () => Promise<Result>): Promise<Result>;
}

/** How a figure is shown. */
export interface Shown {
  readonly unit: string;
  readonly digits: number;
}

/** How a row is called. */
export interface Titles {
  /** On the command line and in JSON. */
  readonly name: string;
  readonly title: string;
  /** The title in few words, for the chart. */
  readonly label: string;
}

/** One kind of load. */
export interface Row extends Titles {
  /** In the order in which they are shown. */
  readonly figures: Partial<Readonly<Record<Figure, Shown>>>;
  /** What it is about; less of it is better. The chart shows this one. */
  readonly headline: Exclude<Figure, "rate" | "bulk">;
  readonly needsRedis: boolean;
  /** Whether it makes sense without a relay. */
  readonly hasDirect: boolean;
  /**
   * The relays that it is about, instead of our own and its peers: the others are set beside the
   * first of them, and the chart leaves the row out.
   */
  readonly variants?: readonly string[];
  /** Other directions than `DIRECTIONS`. */
  readonly directions?: readonly Direction[];
  /** Figures whose rounds may lie around two levels, which are then both shown. */
  readonly levels?: readonly Figure[];
  /** Puts the load on a relay once. */
  measure(bench: Bench, relay: string, direction: Direction): Promise<Sample>;
}
