import type { PlainError } from "./messages.ts";

/** An error without what cannot be cloned. */
export function encodeError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined };
  return { message: error.message, stack: error.stack };
}

/** The error again, with the stack of where it was thrown. */
export function decodeError({ message, stack }: PlainError): Error {
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
