import { BunAttempt } from "./bun-attempt.ts";
import type { ReachingAttempt } from "./reaching-attempt.ts";
import { SystemAttempt } from "./system-attempt.ts";
import type { WaitingLine } from "./waiting-line.ts";
import type { Connection } from "../connection/connection.ts";

/**
 * Starts to connect to the destination; ends in `reached` or `unreachable`. In `line`, all
 * connections of a relay wait for a destination that refuses or for a temporary shortage to end.
 *
 * @param delay - milliseconds until it begins; a client that leaves meanwhile causes no connection
 */
export function reach(connection: Connection, line: WaitingLine, delay = 0): void {
  const { libc } = connection.shared;
  const attempt =
    libc === null ? new BunAttempt(connection, line) : new SystemAttempt(connection, line, libc);
  connection.attempt = attempt;
  if (delay === 0) attempt.start();
  else setTimeout(startLater, delay, attempt);
}

function startLater(attempt: ReachingAttempt): void {
  if (attempt.connection.attempt === attempt) attempt.start();
}
