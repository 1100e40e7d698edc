import { fstatSync } from "node:fs";
import { createConsola, type LogObject } from "consola/core";
import {
  formatJournal,
  formatJson,
  formatPlain,
  formatPretty,
  type Formatter,
  type LogEntry,
  type LogFields,
  type LogLevel,
} from "./line-formats.ts";
import { isTerminal } from "../../os/terminal.ts";
import { LogSink } from "./log-sink.ts";
import { mayPaint, style } from "./terminal-style.ts";

export { LOG_LEVELS, type LogFields, type LogLevel } from "./line-formats.ts";

/** How a line of the log looks; `auto` is one of the others by what standard error is. */
export const LOG_FORMATS = ["auto", "pretty", "plain", "json", "journal"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

type Write = (message: string, fields?: LogFields) => void;

/** Says what happens, on standard error. */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  /** Writes at the level "info" whatever level the log begins at: for lines asked for by name. */
  readonly always: Write;
  /** Whether lines of this level are written, for whoever would have to work for one. */
  writes(level: LogLevel): boolean;
  /** How many lines nobody took, since the start. */
  linesLost(): number;
  /** Waits until all of it is written, or for as long as `limit` milliseconds. */
  flush(limit: number): Promise<void>;
}

const STANDARD_ERROR = 2;

// consola counts down from its chattiest level.
const CONSOLA_LEVELS: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 3, debug: 4 };

/** The log of lines from `level` on, in a format, to standard error. */
export function createLog(level: LogLevel, format: LogFormat, fd = STANDARD_ERROR): Log {
  const formatter = formatterOf(format);
  const sink = new LogSink(fd, (lost) => {
    consola.warn(`${lost} log lines were lost: nobody took them`, { event: "log_lost", lost });
  });
  const from = (lowest: LogLevel) =>
    createConsola({
      level: CONSOLA_LEVELS[lowest],
      // consola holds back a line that repeats; here each line stands for an event of its own.
      throttle: 0,
      reporters: [{ log: (object) => sink.write(formatter(entryOf(object))) }],
    });
  const consola = from(level);
  const unfiltered = from("info");
  return {
    debug: (message, fields) => consola.debug(message, fields),
    info: (message, fields) => consola.info(message, fields),
    warn: (message, fields) => consola.warn(message, fields),
    error: (message, fields) => consola.error(message, fields),
    always: (message, fields) => unfiltered.info(message, fields),
    writes: (wanted) => CONSOLA_LEVELS[wanted] <= CONSOLA_LEVELS[level],
    linesLost: () => sink.lost,
    flush: (limit) => sink.flush(limit),
  };
}

function entryOf({ date, type, args }: LogObject): LogEntry {
  const [message, fields] = args as [message: string, fields?: LogFields];
  const level = type === "debug" || type === "warn" || type === "error" ? type : "info";
  return { time: date, level, message, fields: fields ?? {} };
}

function formatterOf(format: LogFormat): Formatter {
  switch (format === "auto" ? fittingFormat() : format) {
    case "plain":
      return formatPlain;
    case "json":
      return formatJson;
    case "journal":
      return formatJournal;
    case "pretty":
      return formatPretty(style(mayPaint(STANDARD_ERROR)));
  }
}

function fittingFormat(): Exclude<LogFormat, "auto"> {
  if (isJournal(STANDARD_ERROR, process.env["JOURNAL_STREAM"])) return "journal";
  return isTerminal(STANDARD_ERROR) ? "pretty" : "plain";
}

/**
 * Whether a descriptor is the connection to the journal that systemd names in `$JOURNAL_STREAM`,
 * as `DEVICE:INODE`; the variable alone says nothing once somebody redirected (systemd.exec(5)).
 */
export function isJournal(fd: number, stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    // A closed standard error is not the journal.
    return false;
  }
}
