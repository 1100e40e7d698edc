/** A metric for Prometheus whose values are read at each scrape. */
export type Metric = MetricReadBy<() => readonly MetricValue[]>;

/** A metric, and the function of type `Read` that reads its values. */
export interface MetricReadBy<Read> {
  readonly kind: "counter" | "gauge";
  readonly name: string;
  /** The text that explains the metric to the readers of `/metrics`. */
  readonly help: string;
  readonly read: Read;
}

/** One value of a metric, with its labels. */
export type MetricValue = readonly [value: number, labels?: Readonly<Record<string, string>>];

export function counter<Read>(name: string, help: string, read: Read): MetricReadBy<Read> {
  return { kind: "counter", name, help, read };
}

export function gauge<Read>(name: string, help: string, read: Read): MetricReadBy<Read> {
  return { kind: "gauge", name, help, read };
}

/** The values of a metric that has exactly one value. */
export function only(value: number): readonly MetricValue[] {
  return [[value]];
}
