import { libc } from "../../os/libc.ts";
import { BunAttempt } from "./bun-attempt.ts";
import { SystemAttempt } from "./system-attempt.ts";
import type { Connection } from "../connection/connection.ts";

/** Starts to reach the destination of a connection; it ends in `reached` or `unreachable`. */
export function reach(connection: Connection): void {
  const attempt = libc === null ? new BunAttempt(connection) : new SystemAttempt(connection, libc);
  connection.attempt = attempt;
  connection.shared.attempts.add(attempt);
  attempt.start();
}
