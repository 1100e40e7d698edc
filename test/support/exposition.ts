/**
 * The metrics of an exposition: each sample's value by its name and labels, as they are written.
 */
export type Samples = ReadonlyMap<string, number>;

/**
 * Reads the text format of Prometheus
 * (https://prometheus.io/docs/instrumenting/exposition_formats/) as far as this program writes it:
 * `name 1` and `name{label="word"} 1`.
 *
 * @throws where a line is none
 */
export function readExposition(text: string): Samples {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const match = /^([a-z_:]+(?:\{[^}]*\})?) (-?[\d.e+-]+|\+Inf|NaN)$/i.exec(line);
    const [, name = "", value = ""] = match ?? [];
    if (name === "") throw new Error(`no sample: ${line}`);
    if (samples.has(name)) throw new Error(`twice: ${name}`);
    samples.set(name, value === "+Inf" ? Infinity : Number(value));
  }
  return samples;
}

/** The names of the metrics, each with its type: `{"x_total": "counter"}`. */
export function readTypes(text: string): ReadonlyMap<string, string> {
  const types = Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = "", type = ""]) => {
    return [name, type] as const;
  });
  return new Map(types);
}
