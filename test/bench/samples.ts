/** What a row can tell of a relay. */
export type Figure =
  "rate" | "bulk" | "p50" | "p99" | "cpu" | "time" | "memory" | "further" | "fewest" | "most";

/** What one load on one relay gave: its figures, in the units that its row names. */
export interface Sample extends Partial<Readonly<Record<Figure, number>>> {
  /** Units of work of the whole load. */
  readonly work?: number;
}

/** Of most figures less is better. */
export function isMoreBetter(figure: Figure): boolean {
  return figure === "rate" || figure === "bulk";
}
