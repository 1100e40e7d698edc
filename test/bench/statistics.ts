/** The middle value, or between the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const [low = NaN, high = NaN] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  return (low + high) / 2;
}

/** A level around which values lie: their median, and how many they are. */
export interface Level {
  readonly value: number;
  readonly count: number;
}

// Levels are further apart than this, in parts of the lower value.
const APART = 0.15;

/**
 * The two levels around which values lie, if the widest gap between two neighbours separates them
 * clearly; else one level. The lower level comes first.
 */
export function levels(values: readonly number[]): readonly Level[] {
  const sorted = values.toSorted((a, b) => a - b);
  const gapBefore = (index: number) => (sorted[index] ?? 0) / (sorted[index - 1] ?? Infinity);
  let widest = 1;
  for (let index = 2; index < sorted.length; index += 1)
    if (gapBefore(index) > gapBefore(widest)) widest = index;
  const parts =
    sorted.length > 1 && gapBefore(widest) > 1 + APART
      ? [sorted.slice(0, widest), sorted.slice(widest)]
      : [sorted];
  return parts.map((part) => ({ value: median(part), count: part.length }));
}

/** Half of what lies between the least and the greatest value, in parts of the median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / 2 / median(values);
}
