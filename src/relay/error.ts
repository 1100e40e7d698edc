import { errorCode, errnoWords } from "../os/errno.ts";

/**
 * A failure of the relay. The message says what failed, the address, the system's reason and, if
 * that is known, how to fix the problem.
 */
export class RelayError extends Error {
  constructor(
    /** The system's code, such as `EADDRINUSE`. */
    readonly code: string,
    /** The address to which the failure belongs, as text; `""` if there is none. */
    readonly address: string,
    message: string,
  ) {
    super(message);
    this.name = "RelayError";
  }
}

/**
 * Converts an error of the runtime to a `RelayError`. `doing` is a verb for the message, such as
 * "listen on".
 */
export function relayError(
  doing: string,
  address: string,
  error: unknown,
  howToFix = "",
): RelayError {
  if (error instanceof RelayError) return error;
  const code = errorCode(error);
  const reason = errnoWords(code);
  const named = reason === code ? reason : `${reason} (${code})`;
  return new RelayError(
    code,
    address,
    `cannot ${doing} ${address}: ${named}${howToFix && `; ${howToFix}`}`,
  );
}
