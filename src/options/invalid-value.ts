/** An option's value that makes no sense; the message says why, without naming the option. */
export class InvalidValue extends Error {
  override readonly name = "InvalidValue";
}

/** A word that somebody wrote, as a message shows it: in quotes, with nothing a terminal obeys. */
export function quote(word: string): string {
  // JSON leaves DEL and the C1 controls alone; some terminals do not.
  return JSON.stringify(word).replace(
    /[\u007f-\u009f]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A value as a message shows it. */
export function show(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
