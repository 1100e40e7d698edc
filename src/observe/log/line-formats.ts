import { escapeControls, hasControls } from "./escape-controls.ts";
import { isoTime } from "./iso-time.ts";
import type { Style } from "./terminal-style.ts";
import type { TextBuffer } from "./text-buffer.ts";

/** The levels of log lines, the least important first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The machine-readable fields of a line. Their names stay the same from release to release. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** The content of one line of the log. */
export interface LogEntry {
  readonly time: Date;
  readonly level: LogLevel;
  readonly message: string;
  /** The name of the relay that the line is about; "" if the line is about the whole process. */
  readonly relay: string;
  readonly fields: LogFields;
}

/** Turns an entry into the text to write, with its line feed. */
export type Formatter = (entry: LogEntry) => string;

/**
 * Formats an entry with its time, level and message, for files and for programs that read lines.
 */
export function formatPlain({ time, level, message }: LogEntry): string {
  return `${isoTime(time.getTime())} ${level.padEnd(5)} ${printable(message)}\n`;
}

/**
 * Appends the line that `formatPlain` makes, at level "info".
 *
 * @param time - in milliseconds since 1970
 */
export function appendPlain(line: TextBuffer, time: number, message: TextBuffer): void {
  line.append(isoTime(time));
  line.append(" info  ");
  if (message.isPlain) line.appendBuffer(message);
  else line.append(printable(message.toString()));
  line.endLine();
}

/**
 * Formats an entry as a line with one JSON object: `time`, `level`, `message`, `relay` (if the line
 * is about a relay), then the fields.
 */
export function formatJson({ time, level, message, relay, fields }: LogEntry): string {
  // Joining texts takes half the time of building and encoding an object with all fields.
  const named = relay === "" ? "" : `,"relay":${JSON.stringify(relay)}`;
  const begin = `{"time":"${isoTime(time.getTime())}","level":"${level}","message":${JSON.stringify(message)}${named}`;
  const rest = JSON.stringify(fields);
  // JSON.stringify does not escape all characters that could harm a terminal (`escapeControls`), so
  // escape them here. A JSON parser turns each escape back into the same character.
  return `${escapeControls(rest === "{}" ? `${begin}}` : `${begin},${rest.slice(1)}`)}\n`;
}

/** The syslog priority of each level, as in syslog(3). */
export const PRIORITIES: Readonly<Record<LogLevel, number>> = {
  debug: 7,
  info: 6,
  warn: 4,
  error: 3,
};

/** Formats an entry for the systemd journal: each line begins with its priority (sd-daemon(3)). */
export function formatJournal({ level, message }: LogEntry): string {
  return printable(message)
    .split("\n")
    .map((line) => `<${PRIORITIES[level]}>${line}\n`)
    .join("");
}

/**
 * Returns a formatter for a person at a terminal: the time of day, the level in colour, and the
 * message.
 */
export function formatPretty({ dim, red, yellow, cyan }: Style): Formatter {
  const paints = { debug: dim, info: cyan, warn: yellow, error: red };
  return ({ time, level, message }) =>
    `${dim(timeOfDay(time))} ${paints[level](level.padEnd(5))} ` + `${printable(message)}\n`;
}

/**
 * Makes a message safe to print. The second and further lines of the message, such as the lines of
 * a stack, are indented, so that no line looks like an entry of its own.
 */
export function printable(message: string): string {
  if (!hasControls(message)) return message;
  return message.split("\n").map(escapeControls).join("\n    ");
}

function timeOfDay(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}
