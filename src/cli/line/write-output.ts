import { isJournal } from "../../observe/log/log.ts";

/**
 * Writes all of a text to standard output (1) or standard error (2).
 *
 * @returns an exit status: 0, or 1 if the text could not be written
 */
export function writeAll(fd: 1 | 2, text: string): Promise<0 | 1> {
  const stream = fd === 1 ? process.stdout : process.stderr;
  const { promise, resolve } = Promise.withResolvers<0 | 1>();
  // If the reader has closed the pipe, the stream reports the error to the callback and also emits
  // the event `error`. Listen for the event, because without a listener the event ends the process.
  stream.once("error", () => resolve(1));
  stream.write(text, (error) => resolve(error ? 1 : 0));
  return promise;
}

/**
 * Writes error messages to standard error. If the journal reads standard error, each line is marked
 * as an error.
 */
export function complain(text: string): Promise<0 | 1> {
  // The journal takes the prefix `<3>` for the level LOG_ERR of syslog(3) (sd-daemon(3)).
  const mark = isJournal(2, process.env["JOURNAL_STREAM"]) ? "<3>" : "";
  return writeAll(2, text.replace(/^(?=.)/gm, mark));
}
