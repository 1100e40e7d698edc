import { fstatSync } from "node:fs";
import { type ConsolaInstance, createConsola, LogLevels, type LogObject } from "consola/core";
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
import type { Recovered } from "./bounded-line-writer.ts";
import { errnoWords } from "../../os/errno.ts";
import { libc } from "../../os/libc.ts";
import { isTerminal } from "../../os/terminal.ts";
import { JournalSink } from "./journal-sink.ts";
import { infoOf, lineOutput, type LogOutput } from "./log-output.ts";
import { mayPaint, style } from "./terminal-style.ts";
import { TextBuffer } from "./text-buffer.ts";

export { LOG_LEVELS, type LogFields, type LogLevel } from "./line-formats.ts";

/**
 * The formats of log lines; `auto` chooses one of the other formats by the type of the log's
 * descriptor.
 */
export const LOG_FORMATS = ["auto", "pretty", "plain", "json", "journal"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

type Write = (message: string, fields?: LogFields) => void;

/** A kind of log line: the functions that make a line's message and fields from its facts. */
export interface LineKind<Facts> {
  /** Appends the message to `text`. */
  readonly append: (text: TextBuffer, facts: Facts) => void;
  /** Returns the fields. Called only if the format writes fields. */
  readonly fields: (facts: Facts) => LogFields;
}

// `always` makes the message of each line in this buffer.
const message = new TextBuffer();

/** The program's log, on standard error or in the journal. */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  /**
   * Writes a line of level "info" about `facts`, even if the log hides that level: for lines that
   * the user asked for by an option. There may be thousands of such lines a second.
   */
  readonly always: <Facts>(facts: Facts, kind: LineKind<Facts>) => void;
  /**
   * Returns this log for one relay. Each line has the relay's name in a field and, if `inWords` is
   * true, also in its text.
   */
  named(relay: string, inWords: boolean): Log;
  /** Whether lines of this level are written. Lets a caller skip the work for a hidden line. */
  writes(level: LogLevel): boolean;
  /** The number of lines that were lost since the start, because the output did not take them. */
  linesLost(): number;
  /** Settles when all lines are written, or after `limit` milliseconds. */
  flush(limit: number): Promise<void>;
}

const STANDARD_ERROR = 2;

/** The least time between two reports of lost lines, in milliseconds. */
const LOST_PERIOD = 10_000;

/**
 * Creates a log that writes lines of `level` and above to a descriptor, or to the journal if the
 * descriptor is connected to it.
 */
export function createLog(level: LogLevel, format: LogFormat, fd = STANDARD_ERROR): Log {
  // The output needs a function that logs the number of lost lines, but the log can be made only
  // after its output. So this function does nothing until the log exists, and is then replaced.
  let sayLost: Recovered = () => {};
  const output = outputOf(format, fd, (lost, code) => sayLost(lost, code));
  const consola = createConsola({
    level: LogLevels[level],
    // Switch consola's throttle off; the docstring of `RepeatedLines` gives the reason.
    throttle: 0,
    reporters: [{ log: (object) => output.write(entryOf(object)) }],
  });
  const flush = async (limit: number): Promise<void> => {
    const until = performance.now() + limit;
    // The number of lost lines is complete only after a write. So write the lines, log the lost
    // lines whose line waits for the end of its period, and write this line, too.
    await output.flush(limit);
    if (lostLines.tell()) await output.flush(Math.max(0, until - performance.now()));
  };
  const log = logOf(consola, output, flush);
  let failure: string | null = null;
  const lostLines = inSums(LOST_PERIOD, (lost) => {
    const why = failure === null ? "nobody took them" : `${errnoWords(failure)} (${failure})`;
    failure = null;
    log.warn(`${lost} log lines were lost: ${why}`, { event: "log_lost", lost });
  });
  sayLost = (lost, code) => {
    failure = code ?? failure;
    lostLines.add(lost);
  };
  return log;
}

/**
 * @param flush - as in `Log`
 * @param relay - the name of the relay that the lines are about; "" for the whole process
 * @param prefix - begins the text of each line
 */
function logOf(
  consola: ConsolaInstance,
  output: LogOutput,
  flush: Log["flush"],
  relay = "",
  prefix = "",
): Log {
  return {
    debug: (message, fields) => consola.debug(prefix + message, fields),
    info: (message, fields) => consola.info(prefix + message, fields),
    warn: (message, fields) => consola.warn(prefix + message, fields),
    error: (message, fields) => consola.error(prefix + message, fields),
    // Write the lines of `always` without consola, because they must appear at every log level, and
    // there may be thousands of them a second.
    always: (facts, { append, fields }) => {
      message.clear();
      message.append(prefix);
      append(message, facts);
      if (output.writesFields) output.write({ ...infoOf(message, relay), fields: fields(facts) });
      else output.writeMessage(message, relay);
    },
    named: (name, inWords) =>
      logOf(consola.withTag(name), output, flush, name, inWords ? `${name}: ` : ""),
    writes: (level) => LogLevels[level] <= consola.level,
    linesLost: () => output.lost,
    flush,
  };
}

/**
 * Converts a line that consola reports to an entry. `args` has the arguments of the call of
 * `debug`, `info`, `warn` or `error`: the message and the fields.
 */
function entryOf({ date, type, tag, args }: LogObject): LogEntry {
  const [message, fields] = args as [message: string, fields?: LogFields];
  const level = type === "debug" || type === "warn" || type === "error" ? type : "info";
  return { time: date, level, message, relay: tag, fields: fields ?? {} };
}

/** Counts that `say` gets as sums. */
interface Sums {
  /**
   * Takes a count. Passes the count to `say` at once if `period` milliseconds have passed since the
   * last call of `say`. If not, adds the count to a sum, and `say` gets the sum when these `period`
   * milliseconds have passed.
   */
  readonly add: (count: number) => void;
  /** Passes the sum to `say` now, if it is not 0. Returns whether it did. */
  readonly tell: () => boolean;
}

/** Makes the sums of counts for `say`, which is called at most once in `period` milliseconds. */
function inSums(period: number, say: (sum: number) => void): Sums {
  let sum = 0;
  let timer: Timer | undefined;
  const tell = () => {
    if (sum === 0) return false;
    const told = sum;
    sum = 0;
    clearTimeout(timer);
    timer = setTimeout(over, period).unref();
    say(told);
    return true;
  };
  const over = () => {
    timer = undefined;
    tell();
  };
  return {
    add(count) {
      sum += count;
      if (timer === undefined) tell();
    },
    tell,
  };
}

function outputOf(format: LogFormat, fd: number, recovered: Recovered): LogOutput {
  const chosen = format === "auto" ? fittingFormat(fd) : format;
  // Entries with fields need FFI and the journal's socket, which a systemd sandbox may hide.
  // Without these, the journal gets lines of text through the descriptor.
  const journal =
    chosen === "journal" && libc !== null && isJournal(fd, process.env["JOURNAL_STREAM"])
      ? JournalSink.open(libc, (lost) => recovered(lost, null))
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
    // The descriptor is closed, so it is not connected to the journal.
    return false;
  }
}
