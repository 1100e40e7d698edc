/** The vertical axis of a plot. */
export interface Scale {
  /** Where a value is: 0 is the bottom of the plot, 1 the top. */
  readonly position: (value: number) => number;
  /** The values that have a line and a label. */
  readonly marks: readonly number[];
  /** The value from which areas are filled. */
  readonly base: number;
}

/** A scale from 0 that includes a value and has its marks at 1, 2 or 5 times a power of ten. */
export function linearScale(most: number, least: number): Scale {
  const { end, step } = axisFor(most, least);
  return { position: (value) => value / end, marks: marksTo(end, step), base: 0 };
}

/**
 * A scale with a zero line inside: `up` is the greatest value above it, `down` the greatest one below,
 * both positive. Values below the line are negative.
 */
export function mirroredScale(up: number, down: number, least: number): Scale {
  const wanted = Math.max(up, least) + Math.max(down, least);
  const step = niceStep(wanted / 4);
  const top = stepsTo(Math.max(up, least), step);
  const bottom = stepsTo(Math.max(down, least), step);
  const below = marksTo(bottom, step).slice(1);
  return {
    position: (value) => (value + bottom) / (top + bottom),
    marks: [...below.map((value) => -value).toReversed(), ...marksTo(top, step)],
    base: 0,
  };
}

/**
 * A logarithmic scale over whole powers of ten that include the values; a value below the first power is
 * drawn at the bottom.
 *
 * @param first - the lowest power of ten that the scale may begin with
 */
export function decadeScale(values: readonly number[], first: number): Scale {
  const powers = values.filter((value) => value > 0).map((value) => Math.log10(value));
  const low = Math.max(first, Math.floor(Math.min(first + 2, ...powers)));
  const high = Math.max(low + 2, Math.ceil(Math.max(first, ...powers)));
  const span = high - low;
  const every = span > 4 ? 2 : 1;
  const marks = Array.from(
    { length: Math.floor(span / every) + 1 },
    (_, index) => low + index * every,
  );
  return {
    position: (value) => (value > 0 ? Math.max(0, (Math.log10(value) - low) / span) : 0),
    marks: marks.map((power) => 10 ** power),
    base: 10 ** low,
  };
}

/** The end of an axis that includes a value, and the distance of its marks: 1, 2 or 5 times a power of ten. */
export function axisFor(
  most: number,
  least: number,
): { readonly end: number; readonly step: number } {
  const wanted = Math.max(most, least);
  const step = niceStep(wanted / 3);
  return { end: stepsTo(wanted, step), step };
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
}

function stepsTo(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

function marksTo(end: number, step: number): number[] {
  return Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
}
