import { escapeControls } from "./escape-controls.ts";
import type { Style } from "./terminal-style.ts";

/** How much a line matters; the ones before "info" only help whoever looks for a fault. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a line says beside its words, under names that stay the same from release to release. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** One line of the log before it is a line. */
export interface LogEntry {
  readonly time: Date;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Turns an entry into what is written, line feed included. */
export type Formatter = (entry: LogEntry) => string;

/** Time, level, words: for files and for whatever reads lines. */
export function formatPlain({ time, level, message }: LogEntry): string {
  return `${time.toISOString()} ${level.padEnd(5)} ${printable(message)}\n`;
}

/** One JSON object a line: `time`, `level`, `message`, then the fields. */
export function formatJson({ time, level, message, fields }: LogEntry): string {
  return `${JSON.stringify({ time: time.toISOString(), level, message, ...fields })}\n`;
}

// sd-daemon(3): a line may start with its syslog priority. The journal has its own clock.
const PRIORITIES: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/** For the systemd journal: priority and words. */
export function formatJournal({ level, message }: LogEntry): string {
  return printable(message)
    .split("\n")
    .map((line) => `<${PRIORITIES[level]}>${line}\n`)
    .join("");
}

/** For a person at a terminal: the time of day, the level in its colour, words. */
export function formatPretty({ dim, red, yellow, cyan }: Style): Formatter {
  const paints = { debug: dim, info: cyan, warn: yellow, error: red };
  return ({ time, level, message }) =>
    `${dim(timeOfDay(time))} ${paints[level](level.padEnd(5))} ${printable(message)}\n`;
}

/** The message, fit to be printed. Further lines (a stack's) are set in: they pass for no entry. */
function printable(message: string): string {
  return message.split("\n").map(escapeControls).join("\n    ");
}

function timeOfDay(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}
