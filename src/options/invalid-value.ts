import { quote } from "../address/quote.ts";

/** An option's value is not valid. The message says why, without the option's name. */
export class InvalidValue extends Error {
  override readonly name = "InvalidValue";
}

/** A value as a message shows it. */
export function show(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
