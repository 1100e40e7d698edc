/** Rounds a number of seconds to microseconds. */
export function precise(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** Rounds to three decimals, for example a number of seconds to milliseconds. */
export function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
