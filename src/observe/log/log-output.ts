import type { Formatter, LogEntry } from "./line-formats.ts";
import { LogSink } from "./log-sink.ts";

/** Where the log goes. */
export interface LogOutput {
  /** Takes an entry, or drops and counts it. Never blocks. */
  write(entry: LogEntry): void;
  /** Entries that were dropped since the start. */
  readonly lost: number;
  /** Settles when nothing waits any more, or after `limit` milliseconds. */
  flush(limit: number): Promise<void>;
}

/** Lines of text to a descriptor. */
export function lineOutput(
  fd: number,
  format: Formatter,
  recovered: (lost: number) => void,
): LogOutput {
  const sink = new LogSink(fd, recovered);
  return {
    write: (entry) => sink.write(format(entry)),
    get lost() {
      return sink.lost;
    },
    flush: (limit) => sink.flush(limit),
  };
}
