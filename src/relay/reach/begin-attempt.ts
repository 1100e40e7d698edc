import { BunAttempt } from "./connect-with-bun.ts";
import type { AttemptWithRetries } from "./attempt-with-retries.ts";
import { StaggeredConnects } from "./staggered-connects.ts";
import type { WaitingLine } from "./waiting-line.ts";
import type { Connection } from "../connection/connection.ts";

/**
 * Starts to connect to the destination. The attempt ends with a call of `reached`,
 * `reachedAndReset` or `unreachable`. All connections of a relay in one thread use the same `line`.
 * An attempt waits in this line while the destination refuses, or while a resource such as a
 * descriptor or a port is short.
 *
 * @param delay - the milliseconds until the attempt begins. If the client leaves before the attempt
 *   begins, the relay does not connect.
 */
export function beginAttempt(connection: Connection, line: WaitingLine, delay = 0): void {
  const { libc } = connection.shared;
  const attempt =
    libc === null
      ? new BunAttempt(connection, line)
      : new StaggeredConnects(connection, line, libc);
  connection.attempt = attempt;
  if (delay === 0) attempt.start();
  else setTimeout(startLater, delay, attempt);
}

function startLater(attempt: AttemptWithRetries): void {
  if (attempt.connection.attempt === attempt) attempt.start();
}
