// Formats figures for people. The status page and the terminal use the same formats.

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** A number of bytes with up to three digits: `0 B`, `999 B`, `1.02 kB`, `64.3 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // Use the next unit for a value that would be rounded to 1000.
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

/** A rate in bytes per second: `1.02 kB/s`. */
export function formatRate(bytesASecond: number): string {
  return `${formatBytes(bytesASecond)}/s`;
}

const SECONDS = { d: 86_400, h: 3_600, min: 60, s: 1 } as const;

/**
 * Formats a length of time in its two largest units: `12 s`, `3 min 5 s`, `2 d 1 h`. Below 10 s the
 * text has one decimal.
 */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  let rest = Math.round(seconds);
  const parts: string[] = [];
  for (const [unit, length] of Object.entries(SECONDS)) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length === 1) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** A length of time with about two digits: `84 µs`, `1.2 ms`, `350 ms`, `2.0 s`. */
export function formatLatency(seconds: number): string {
  for (const [unit, size] of [
    ["µs", 1e-6],
    ["ms", 1e-3],
  ] as const) {
    // Use the next unit for a value that would be rounded to 1000.
    const value = seconds / size;
    if (value < 9.95 && unit === "ms") return `${value.toFixed(1)} ${unit}`;
    if (value < 999.5) return `${Math.round(value)} ${unit}`;
  }
  return formatDuration(seconds);
}

/** A count with thousands separators: `12,345`. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * The number of threads that carry connections, with the number that the option `--workers` asks
 * for: `2 of 8 workers`, or `2 workers` for `auto`. Empty if the option asks for one, or if the
 * number is not known.
 *
 * @param running - the number of threads that run; null if it is not known
 * @param asked - the value of the option; undefined if it is not known
 */
export function formatWorkers(running: number | null, asked = "1"): string {
  if (running === null || asked === "1") return "";
  return asked === "auto"
    ? formatNumberOf(running, "worker")
    : `${formatCount(running)} of ${asked} workers`;
}

/** A number of things in words, such as `1 connection` or `2,000 connections`. */
export function formatNumberOf(count: number, thing: string): string {
  return `${formatCount(count)} ${thing}${count === 1 ? "" : "s"}`;
}
