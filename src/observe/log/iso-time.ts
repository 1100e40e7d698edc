const SECOND = 1_000;

// The time that `isoTime` formatted last, in milliseconds since 1970; NaN before the first call.
let lastTime = NaN;

// The text of `lastTime`.
let lastText = "";

// The second of `lastTime`, in whole seconds since 1970.
let lastSecond = NaN;

// The text of `lastSecond` without the milliseconds, such as `2026-11-28T22:35:31.`.
let lastSecondText = "";

/**
 * Formats a time, in milliseconds since 1970, exactly as `Date.toISOString` does, for the years 0
 * to 9999. Under load most log lines fall into the same millisecond or second as the line before,
 * so most calls format nothing, or only the milliseconds.
 */
export function isoTime(time: number): string {
  if (time === lastTime) return lastText;
  const second = Math.floor(time / SECOND);
  if (second !== lastSecond) {
    lastSecondText = new Date(time).toISOString().slice(0, -"000Z".length);
    lastSecond = second;
  }
  const milliseconds = time - second * SECOND;
  lastText = `${lastSecondText}${milliseconds < 10 ? "00" : milliseconds < 100 ? "0" : ""}${milliseconds}Z`;
  lastTime = time;
  return lastText;
}
