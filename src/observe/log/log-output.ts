import { formatJson, type Formatter, type LogEntry } from "./line-formats.ts";
import { LogSink } from "./log-sink.ts";

/** The target of the log: a descriptor or the journal. */
export interface LogOutput {
  /**
   * Writes an entry. If there is no room for the entry, drops it and counts it in `lost`. Never
   * blocks.
   */
  write(entry: LogEntry): void;
  /**
   * Whether the output writes the fields of an entry. If not, a caller need not make the fields.
   */
  readonly writesFields: boolean;
  /** The number of entries that were dropped since the start. */
  readonly lost: number;
  /** Settles when all entries are written, or after `limit` milliseconds. */
  flush(limit: number): Promise<void>;
}

/** Writes entries as lines of text to a descriptor. */
export function lineOutput(
  fd: number,
  format: Formatter,
  recovered: (lost: number) => void,
): LogOutput {
  const sink = new LogSink(fd, recovered);
  return {
    write: (entry) => sink.write(format(entry)),
    writesFields: format === formatJson,
    get lost() {
      return sink.lost;
    },
    flush: (limit) => sink.flush(limit),
  };
}
