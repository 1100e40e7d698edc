const LEVELS = "▁▂▃▄▅▆▇█";

/**
 * The last `width` values as a line of bars, with the newest at the right. The greatest value has
 * the highest bar. Zero is a space, so that a small value looks different from zero.
 */
export function sparkline(values: readonly number[], width: number): string {
  const shown = width > 0 ? values.slice(-width) : [];
  const most = Math.max(0, ...shown);
  const bars = shown.map((value) => {
    if (value <= 0 || most === 0) return " ";
    return LEVELS[Math.min(LEVELS.length - 1, Math.floor((value / most) * LEVELS.length))] ?? " ";
  });
  return bars.join("").padStart(width);
}
