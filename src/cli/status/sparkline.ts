const LEVELS = "▁▂▃▄▅▆▇█";

/**
 * The last values as a line of bars, the newest at the right, as high as the greatest of them.
 * Nothing at all is a space, so that little is told from nothing.
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
