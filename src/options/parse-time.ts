import { INT_MAX } from "../os/int-max.ts";
import { InvalidValue, show } from "./invalid-value-error.ts";
import { quote } from "../address/quote-word.ts";

const MILLISECONDS = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 } as const;

/** The range of times that an option accepts, in milliseconds. */
export interface TimeRange {
  readonly least: number;
  readonly most?: number;
  /** True if 0 is accepted in addition to the range. */
  readonly zero?: boolean;
  /**
   * Set if leaving out the option means that there is no time limit. The error message about 0 says
   * so, because a user who writes 0 may mean "never".
   */
  readonly never?: true;
}

/**
 * Reads `500ms`, `5s`, `2min`, `1h` or bare seconds, with or without decimals.
 *
 * @returns a whole number of milliseconds
 * @throws {InvalidValue} for any other text, a fraction of a millisecond and a time out of range
 */
export function parseTime(text: string, range: TimeRange): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|min|h)?$/.exec(text);
  if (!match)
    throw new InvalidValue(
      /^\d+m$/.test(text)
        ? `${quote(text)} is not a time; write ${text}in for minutes or ${text}s for milliseconds`
        : `${quote(text)} is not a time; write 500ms, 5s, 2min, 1h or 5`,
    );
  const exact = Number(match[1]) * MILLISECONDS[unitOf(match[2])];
  checkRange(exact, range, quote(text), printTime);
  const whole = Math.round(exact);
  // Accept a tiny difference, because decimals are rarely exact in binary: 1.1 h is
  // 3960000.0000000005 ms.
  if (Math.abs(exact - whole) > 1e-6)
    throw new InvalidValue(`${quote(text)} is finer than a millisecond`);
  return whole;
}

/**
 * Checks a time in milliseconds that a program passes.
 *
 * @throws {InvalidValue} for a value that is not a whole number or is out of range
 */
export function takeTime(value: unknown, range: TimeRange): number {
  if (typeof value !== "number" || !Number.isInteger(value))
    throw new InvalidValue(`${show(value)} is not a whole number of milliseconds`);
  checkRange(value, range, String(value), (milliseconds) => `${milliseconds} ms`);
  return value;
}

function checkRange(
  time: number,
  { least, most = INT_MAX, zero, never }: TimeRange,
  shown: string,
  print: (milliseconds: number) => string,
): void {
  if (zero && time === 0) return;
  if (never && time === 0)
    throw new InvalidValue(`${shown} is too short; for never, leave the option out`);
  if (time < least)
    throw new InvalidValue(`${shown} is too short; ${zero ? "0 or " : ""}at least ${print(least)}`);
  if (time > most) throw new InvalidValue(`${shown} is too long; at most ${print(most)}`);
}

/** Prints a time, given in milliseconds, in a form that `parseTime` reads: `5s`, `1ms`. */
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
