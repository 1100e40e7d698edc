import { fstatSync } from "node:fs";
import {
  type ConsolaInstance,
  createConsola,
  LogLevels,
  type LogObject,
  LogTypes,
} from "consola/core";
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
import { libc } from "../../os/libc.ts";
import { isTerminal } from "../../os/terminal.ts";
import { JournalSink } from "./journal-sink.ts";
import { lineOutput, type LogOutput } from "./log-output.ts";
import { mayPaint, style } from "./terminal-style.ts";

export { LOG_LEVELS, type LogFields, type LogLevel } from "./line-formats.ts";

/** How a line of the log looks; `auto` is one of the others by what standard error is. */
export const LOG_FORMATS = ["auto", "pretty", "plain", "json", "journal"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

type Write = (message: string, fields?: LogFields) => void;

/** Says what happens, on standard error or in the journal. */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  /** Writes at the level "info" whatever level the log begins at: for lines asked for by name. */
  readonly always: Write;
  /** The same log, whose lines name their relay: in a field, and before the words if `inWords`. */
  named(relay: string, inWords: boolean): Log;
  /** Whether lines of this level are written, for whoever would have to work for one. */
  writes(level: LogLevel): boolean;
  /** How many lines nobody took, since the start. */
  linesLost(): number;
  /** Waits until all of it is written, or for as long as `limit` milliseconds. */
  flush(limit: number): Promise<void>;
}

const STANDARD_ERROR = 2;

/**
 * The types of consola by which lines are written. `log`, which consola prefers for lines without a
 * level, is for those that were asked for by name: no level hides them.
 */
const TYPES = { ...LogTypes, log: { level: LogLevels.silent } };

/** How often it is said that lines were lost, in milliseconds. */
const LOST_PERIOD = 10_000;

/** The log of lines from `level` on, in a format, to a descriptor or to the journal behind it. */
export function createLog(level: LogLevel, format: LogFormat, fd = STANDARD_ERROR): Log {
  // Lost lines are told through the log itself.
  let sayLost = (_lost: number) => {};
  const output = outputOf(format, fd, (lost) => sayLost(lost));
  const consola = createConsola({
    level: LogLevels[level],
    types: TYPES,
    // Its throttle is for repeated lines of one moment: see RepeatedLines.
    throttle: 0,
    reporters: [{ log: (object) => output.write(entryOf(object)) }],
  });
  const log = logOf(consola, output);
  sayLost = inSums(LOST_PERIOD, (lost) => {
    log.warn(`${lost} log lines were lost: nobody took them`, { event: "log_lost", lost });
  });
  return log;
}

/** @param prefix - stands before the words of each line */
function logOf(consola: ConsolaInstance, output: LogOutput, prefix = ""): Log {
  return {
    debug: (message, fields) => consola.debug(prefix + message, fields),
    info: (message, fields) => consola.info(prefix + message, fields),
    warn: (message, fields) => consola.warn(prefix + message, fields),
    error: (message, fields) => consola.error(prefix + message, fields),
    always: (message, fields) => consola.log(prefix + message, fields),
    named: (relay, inWords) => logOf(consola.withTag(relay), output, inWords ? `${relay}: ` : ""),
    writes: (level) => LogLevels[level] <= consola.level,
    linesLost: () => output.lost,
    flush: (limit) => output.flush(limit),
  };
}

/** The entry of what consola reports: see `Write` for its arguments. */
function entryOf({ date, type, tag, args }: LogObject): LogEntry {
  const [message, fields] = args as [message: string, fields?: LogFields];
  const level = type === "debug" || type === "warn" || type === "error" ? type : "info";
  return { time: date, level, message, relay: tag, fields: fields ?? {} };
}

/** Calls `say` with a number at once, and with the sum of further ones after each `period`. */
function inSums(period: number, say: (sum: number) => void): (count: number) => void {
  let sum = 0;
  let timer: Timer | undefined;
  const tell = () => {
    timer = undefined;
    if (sum === 0) return;
    const told = sum;
    sum = 0;
    timer = setTimeout(tell, period).unref();
    say(told);
  };
  return (count) => {
    sum += count;
    if (timer === undefined) tell();
  };
}

function outputOf(format: LogFormat, fd: number, recovered: (lost: number) => void): LogOutput {
  const chosen = format === "auto" ? fittingFormat(fd) : format;
  // Without FFI, or where the sandbox hides the journal's socket, the journal gets lines.
  const journal =
    chosen === "journal" && libc !== null && isJournal(fd, process.env["JOURNAL_STREAM"])
      ? JournalSink.open(libc, recovered)
      : null;
  return journal ?? lineOutput(fd, formatterOf(chosen, fd), recovered);
}

function formatterOf(format: Exclude<LogFormat, "auto">, fd: number): Formatter {
  switch (format) {
    case "plain":
      return formatPlain;
    case "json":
      return formatJson;
    case "journal":
      return formatJournal;
    case "pretty":
      return formatPretty(style(mayPaint(fd)));
  }
}

function fittingFormat(fd: number): Exclude<LogFormat, "auto"> {
  if (isJournal(fd, process.env["JOURNAL_STREAM"])) return "journal";
  return isTerminal(fd) ? "pretty" : "plain";
}

/**
 * Whether a descriptor is the connection to the journal that systemd names in `$JOURNAL_STREAM`, as
 * `DEVICE:INODE`. The variable alone proves nothing, because a shell may have redirected the
 * descriptor (systemd.exec(5)).
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
