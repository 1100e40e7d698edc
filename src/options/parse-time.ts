import { INT_MOST } from "../os/int-most.ts";
import { InvalidValue, quote } from "./invalid-value.ts";

const MILLISECONDS = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 } as const;

/** Which times an option takes, in milliseconds. */
export interface TimeRange {
  readonly least: number;
  readonly most?: number;
  /** Takes 0 as well, where it is below `least`. */
  readonly zero?: boolean;
}

/**
 * Reads `500ms`, `5s`, `2min`, `1h` or bare seconds, with or without decimals.
 *
 * @returns milliseconds, whole
 * @throws {InvalidValue} for all else, a fraction of a millisecond and what is out of range
 */
export function parseTime(text: string, { least, most = INT_MOST, zero }: TimeRange): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|min|h)?$/.exec(text);
  if (!match) throw new InvalidValue(`${quote(text)} is no time; write 500ms, 5s, 2min, 1h or 5`);
  const exact = Number(match[1]) * MILLISECONDS[unitOf(match[2])];
  const whole = Math.round(exact);
  if (zero && exact === 0) return 0;
  if (exact < least)
    throw new InvalidValue(
      `${quote(text)} is too short; ${zero ? "0 or " : ""}at least ${printTime(least)}`,
    );
  if (exact > most)
    throw new InvalidValue(`${quote(text)} is too long; at most ${printTime(most)}`);
  // Decimals of a second or an hour are rarely exact in binary: 1.1 s is 1100.0000000000002 ms.
  if (Math.abs(exact - whole) > 1e-6)
    throw new InvalidValue(`${quote(text)} is finer than a millisecond`);
  return whole;
}

/** A time in milliseconds as `parseTime` reads it: `5s`, `1ms`. */
export function printTime(milliseconds: number): string {
  return milliseconds > 0 && milliseconds < 1_000
    ? `${milliseconds}ms`
    : `${milliseconds / 1_000}s`;
}

function unitOf(suffix: string | undefined): keyof typeof MILLISECONDS {
  switch (suffix) {
    case "ms":
    case "min":
    case "h":
      return suffix;
    default:
      return "s";
  }
}
