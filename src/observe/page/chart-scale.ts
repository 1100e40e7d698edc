/** The vertical axis of a plot. */
export interface Scale {
  /** The position of a value on the axis: 0 at the bottom of the plot, 1 at the top. */
  readonly position: (value: number) => number;
  /** The values at which the axis has a line and a label. */
  readonly marks: readonly number[];
  /** The value from which bars and filled areas reach to the values of the samples. */
  readonly base: number;
}

/**
 * A linear scale that begins at 0. The distance between marks is 1, 2 or 5 times a power of ten.
 *
 * @param most - the greatest value to show
 * @param least - the shortest length of the axis, so that small values do not fill the plot
 */
export function linearScale(most: number, least: number): Scale {
  const { end, step } = axisFor(most, least);
  return { position: (value) => value / end, marks: marksTo(end, step), base: 0 };
}

/**
 * A linear scale whose zero line lies between the ends of the axis. Values below the zero line are
 * negative.
 *
 * @param up - the greatest value above the zero line
 * @param down - the greatest distance of a value below the zero line; not negative
 * @param least - the shortest length of the axis on each side of the zero line
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
 * A logarithmic scale that begins and ends at whole powers of ten. The scale never begins below 10
 * to the power of `first`: smaller values are drawn at the bottom. All greater values are on the
 * scale.
 *
 * @param first - the lowest exponent that the scale may begin with
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

/**
 * Returns the end of an axis that begins at 0, and the distance between its marks, which is 1, 2 or
 * 5 times a power of ten. The end is at least `most` and at least `least`.
 */
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
