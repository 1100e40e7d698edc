import { Histogram, type Registry } from "@prometheus-io/client";

/**
 * The durations of one relay, such as its connect times, counted in buckets. The metrics show the
 * durations as a histogram; its label `relay` has the relay's name.
 */
export class Durations {
  /**
   * The number of durations in each bucket, not cumulative. The last element counts the durations
   * above all bounds.
   */
  readonly counts: number[];
  /** The sum of all durations, in seconds. */
  sum = 0;
  readonly #bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  note(seconds: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && seconds > (this.#bounds[bucket] ?? 0)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += seconds;
  }
}

interface Config {
  readonly name: string;
  readonly help: string;
  /** The upper bounds of the buckets in seconds, in ascending order. */
  readonly buckets: readonly number[];
  readonly registers: Registry[];
}

/** `le` is the upper bound of a bucket. */
type Label = "relay" | "le";

type Values = Awaited<ReturnType<Histogram<Label>["get"]>>;

/**
 * A histogram of durations with the label `relay`. This class counts in plain numbers. The methods
 * of the Prometheus library would build a text of the labels and of the bucket's bound for each
 * duration. That takes over ten times as long as counting in plain numbers, and would noticeably
 * slow down a relay with many short connections.
 */
export class DurationHistogram extends Histogram<Label> {
  readonly #config: Config;
  readonly #durations = new Map<string, Durations>();

  constructor(config: Config) {
    super({ ...config, buckets: [...config.buckets] });
    this.#config = config;
  }

  /**
   * Returns the object that counts the durations of a relay. The first call for a relay creates the
   * object with all counts 0; from then on the metrics contain these counts.
   */
  of(relay: string): Durations {
    let durations = this.#durations.get(relay);
    if (durations === undefined) {
      durations = new Durations(this.#config.buckets);
      this.#durations.set(relay, durations);
    }
    return durations;
  }

  override async get(): Promise<Values> {
    const { name, help } = this.#config;
    const values = [...this.#durations].flatMap(([relay, durations]) =>
      this.#valuesOf(relay, durations),
    );
    return { name, help, type: "histogram", aggregator: "sum", collect() {}, values };
  }

  /**
   * Returns the same as `get`. The registry calls this method instead of `get` when it makes the
   * text for Prometheus. The library's types do not declare this method.
   */
  getForPromString(): Promise<Values> {
    return this.get();
  }

  #valuesOf(relay: string, { counts, sum }: Durations): Values["values"] {
    const { name, buckets } = this.#config;
    const series = (suffix: string, value: number, le: { readonly le?: string | number }) => ({
      metricName: `${name}_${suffix}`,
      value,
      labels: { ...le, relay },
    });
    let count = 0;
    const cumulative = counts.map((more, index) => {
      count += more;
      return series("bucket", count, { le: buckets[index] ?? "+Inf" });
    });
    return [...cumulative, series("sum", sum, {}), series("count", count, {})];
  }
}
