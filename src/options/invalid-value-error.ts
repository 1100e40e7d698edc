import { quote } from "../address/quote-word.ts";

/**
 * The error about an option's value that is not valid. The message gives the reason, but not the
 * option's name.
 */
export class InvalidValue extends Error {
  override readonly name = "InvalidValue";
}

/** The text that stands for a value in a message. */
export function show(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
