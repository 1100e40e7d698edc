/** The end of an axis that includes a value, and the distance of its marks: 1, 2 or 5 times a power of ten. */
export function axisFor(
  most: number,
  least: number,
): { readonly end: number; readonly step: number } {
  const wanted = Math.max(most, least);
  const rough = wanted / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  return { end: Math.ceil(wanted / step) * step, step };
}
