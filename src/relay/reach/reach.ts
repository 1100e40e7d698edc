import { libc } from "../../os/libc.ts";
import { BunAttempt } from "./bun-attempt.ts";
import { SystemAttempt } from "./system-attempt.ts";
import type { WaitingLine } from "./waiting-line.ts";
import type { Connection } from "../connection/connection.ts";

/**
 * Starts to reach the destination of a connection; it ends in `reached` or `unreachable`. `line` is
 * where all connections of a relay wait for what the destination or the system lacks for now.
 */
export function reach(connection: Connection, line: WaitingLine): void {
  const attempt =
    libc === null ? new BunAttempt(connection, line) : new SystemAttempt(connection, line, libc);
  connection.attempt = attempt;
  attempt.start();
}
