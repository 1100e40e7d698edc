import { isJournal } from "../../observe/log/log.ts";
import { wasClosedAtStart } from "../../os/closed-at-start.ts";
import { errnoWords, errorCode } from "../../os/errno.ts";
import { PROGRAM } from "../../program/version.ts";

// The descriptor of standard output.
const OUTPUT = 1;

/**
 * Writes all of a command's answer to standard output. If this fails, a line on standard error says
 * why. There is no such line if the reader has closed the pipe, because the reader wants no more
 * output.
 *
 * @returns an exit status: 0, or 1 if the answer could not be written
 */
export async function writeAnswer(text: string): Promise<0 | 1> {
  if (wasClosedAtStart(OUTPUT)) return await refuse("it is closed");
  const failure = await write(process.stdout, text);
  if (failure === null) return 0;
  return failure === "EPIPE" ? 1 : await refuse(`${errnoWords(failure)} (${failure})`);
}

async function refuse(reason: string): Promise<1> {
  await complain(`${PROGRAM}: cannot write to standard output: ${reason}\n`);
  return 1;
}

/**
 * Writes error messages to standard error. If the journal reads standard error, each line is marked
 * as an error.
 */
export async function complain(text: string): Promise<void> {
  // The journal takes the prefix `<3>` for the level LOG_ERR of syslog(3) (sd-daemon(3)).
  const mark = isJournal(2, process.env["JOURNAL_STREAM"]) ? "<3>" : "";
  await warn(text.replace(/^(?=.)/gm, mark));
}

/** Writes a warning to standard error. A failure is ignored, because nothing could report it. */
export async function warn(text: string): Promise<void> {
  await write(process.stderr, text);
}

/** Writes all of a text. Returns the error code of a failure, such as `ENOSPC`; else null. */
function write(stream: NodeJS.WriteStream, text: string): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  // If the reader has closed the pipe, the stream reports the error to the callback and also emits
  // the event `error`. Listen for the event, because without a listener the event ends the process.
  stream.once("error", (error) => resolve(errorCode(error)));
  stream.write(text, (error) => resolve(error ? errorCode(error) : null));
  return promise;
}
