import { errorCode, errnoWords } from "../os/errno.ts";

/** The relay could not do its work: what, which address, the system's reason and the mend. */
export class RelayError extends Error {
  constructor(
    /** The system's code, as `EADDRINUSE`. */
    readonly code: string,
    /** The address, printed. */
    readonly address: string,
    message: string,
  ) {
    super(message);
    this.name = "RelayError";
  }
}

/** Turns what the runtime threw while `doing` something with an address into a `RelayError`. */
export function relayError(doing: string, address: string, error: unknown, mend = ""): RelayError {
  if (error instanceof RelayError) return error;
  const code = errorCode(error);
  const reason = errnoWords(code);
  const named = reason === code ? reason : `${reason} (${code})`;
  return new RelayError(
    code,
    address,
    `cannot ${doing} ${address}: ${named}${mend && `; ${mend}`}`,
  );
}
