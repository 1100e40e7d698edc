import type { PlainError } from "./worker-messages.ts";

/** Reduces an error to the parts that can be cloned between threads. */
export function encodeError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined };
  return { message: error.message, stack: error.stack };
}

/** Makes an `Error` of an encoded error, with the original stack. */
export function decodeError({ message, stack }: PlainError): Error {
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
