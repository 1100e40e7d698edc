import { InvalidValue, show } from "./invalid-value-error.ts";
import { quote } from "../address/quote-word.ts";

const BYTES = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 } as const;

/**
 * Reads `64M`, `1G` or bare bytes. K, M, G and T stand for powers of 1024, as in systemd
 * (systemd.resource-control(5), MemoryMax=).
 *
 * @returns a number of bytes
 * @throws {InvalidValue} for any other text, for less than `least` bytes, and for more bytes than a
 *   number can hold exactly
 */
export function parseSize(text: string, least: number): number {
  const match = /^(\d+)([KMGT])?$/.exec(text);
  if (!match) throw new InvalidValue(`${quote(text)} is not a size; write 64M, 1G or bytes`);
  return takeSize(Number(match[1]) * bytesOf(match[2]), least, quote(text));
}

/**
 * Checks a size in bytes. Error messages contain `shown` as the text of the size.
 *
 * @throws {InvalidValue} for a value that is not a whole number, or is too small or too large
 */
export function takeSize(value: unknown, least: number, shown = show(value)): number {
  if (typeof value !== "number" || !Number.isInteger(value))
    throw new InvalidValue(`${shown} is not a size; write "64M", "1G" or bytes`);
  if (value < least) throw new InvalidValue(`${shown} is too small; at least ${printSize(least)}`);
  if (value > Number.MAX_SAFE_INTEGER) throw new InvalidValue(`${shown} is too large`);
  return value;
}

/**
 * Prints a size, given in bytes, in a form that `parseSize` reads. The unit is the largest unit
 * without a fraction: `64M`, `1000`.
 */
export function printSize(bytes: number): string {
  const unit = (["T", "G", "M", "K"] as const).find((name) => bytes % BYTES[name] === 0);
  return unit === undefined || bytes === 0 ? String(bytes) : `${bytes / BYTES[unit]}${unit}`;
}

function bytesOf(unit: string | undefined): number {
  switch (unit) {
    case "K":
    case "M":
    case "G":
    case "T":
      return BYTES[unit];
    default:
      return 1;
  }
}
