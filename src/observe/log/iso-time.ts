const SECOND = 1_000;

// The last result without its milliseconds, as `2026-11-28T22:35:31.`, and its whole seconds since 1970.
let lastSecond = NaN;
let lastText = "";

/**
 * The same text as `Date.toISOString`, for the years 0 to 9999. Under load most lines fall into the
 * second of the line before, so only the milliseconds are formatted anew. That takes a fifth of the time.
 */
export function isoTime(time: Date): string {
  const at = time.getTime();
  const second = Math.floor(at / SECOND);
  if (second !== lastSecond) {
    lastText = time.toISOString().slice(0, -"000Z".length);
    lastSecond = second;
  }
  const milliseconds = at - second * SECOND;
  return `${lastText}${milliseconds < 10 ? "00" : milliseconds < 100 ? "0" : ""}${milliseconds}Z`;
}
