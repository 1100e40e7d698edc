import {
  appendPlain,
  formatJson,
  formatPlain,
  type Formatter,
  type LogEntry,
  type LogFields,
} from "./line-formats.ts";
import { BoundedLineWriter, type Recovered } from "./bounded-line-writer.ts";
import type { TextBuffer } from "./text-buffer.ts";

/** The target of the log: a descriptor or the journal. */
export interface LogOutput {
  /**
   * Writes an entry. If there is no room for the entry, drops it and counts it in `lost`. Never
   * blocks.
   */
  write(entry: LogEntry): void;
  /**
   * Writes a message of level "info" without fields: does the same as `write`, but costs less if
   * the format is `plain`. The caller may change `message` afterwards.
   *
   * @param relay - as in `LogEntry`
   */
  writeMessage(message: TextBuffer, relay: string): void;
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
export function lineOutput(fd: number, format: Formatter, recovered: Recovered): LogOutput {
  const sink = new BoundedLineWriter(fd, recovered);
  return {
    write: (entry) => sink.write(format(entry)),
    writeMessage:
      format === formatPlain
        ? (message) => sink.writeMessage(appendPlain, Date.now(), message)
        : (message, relay) => sink.write(format(infoOf(message, relay))),
    writesFields: format === formatJson,
    get lost() {
      return sink.lost;
    },
    flush: (limit) => sink.flush(limit),
  };
}

const NO_FIELDS: LogFields = {};

/** Returns the entry of level "info" that has a message and no fields. */
export function infoOf(message: TextBuffer, relay: string): LogEntry {
  return { time: new Date(), level: "info", message: message.toString(), relay, fields: NO_FIELDS };
}
