/**
 * Functions that write a text in a unit file so that systemd reads exactly that text. Different
 * settings have different parsers, so they need different functions.
 *
 * `kept` has the letters of the specifiers that systemd should expand, such as `i` for `%i`.
 */

/**
 * An argument in `ExecStart=`: quoted if necessary (systemd.syntax(7), "Quoting"), with specifiers
 * and variables escaped (systemd.service(5), "Command lines").
 */
export function execWord(text: string, kept = ""): string {
  const literal = withoutSpecifiers(text, kept).replaceAll("$", "$$$$");
  return /^[^\s"'\\;\x00-\x1f\x7f-\x9f]+$/.test(literal) ? literal : `"${escape(literal)}"`;
}

/**
 * Whether systemd can start an executable with this path. systemd refuses quotes and backslashes in
 * the path, and a unit cannot contain control characters (`hasControls`).
 */
export function isProgram(path: string): boolean {
  return !/["'\\]/.test(path) && !hasControls(path);
}

/**
 * The path of the program in `ExecStart=`. systemd expands specifiers in this path, but no
 * variables.
 */
export function execProgram(path: string): string {
  const literal = withoutSpecifiers(path, "");
  return /[ ;]/.test(literal) ? `"${literal}"` : literal;
}

/**
 * A path as one word in a setting that takes several paths, such as `ReadWritePaths=`. The word is
 * in quotes if necessary, because these settings do not support escapes such as `\x20`.
 */
export function pathWord(path: string, kept = ""): string {
  const literal = withoutSpecifiers(path, kept);
  return /[ "'\\:]/.test(literal) ? `"${literal.replace(/["\\]/g, "\\$&")}"` : literal;
}

/**
 * A folder as one word of `RuntimeDirectory=`. This function uses hexadecimal escapes, because in
 * this setting an escaped quote would end a quoted word.
 */
export function directoryWord(path: string, kept = ""): string {
  return withoutSpecifiers(path, kept).replace(/[ "'\\:]/g, hexadecimal);
}

/** A value that is one text to the end of its line, such as `Description=`. */
export function wholeValue(text: string, kept = ""): string {
  return withoutSpecifiers(text, kept);
}

/**
 * Whether `wholeValue` can write a text at the end of a line. systemd removes spaces at the end of
 * a line, and a backslash there joins the next line.
 */
export function endsAsWritten(text: string): boolean {
  return !/[ \\]$/.test(text);
}

/**
 * Whether a text has a control character. No such text is written into a unit: a line break ends a
 * line of the unit, and systemd has no escape for the other control characters in settings such as
 * `ReadWritePaths=` (see `pathWord`).
 */
export function hasControls(text: string): boolean {
  return /[\x00-\x1f\x7f]/.test(text);
}

// Doubles each `%`, so that systemd does not expand it (systemd.unit(5), "Specifiers"). The
// specifiers whose letters are in `kept` stay as they are.
function withoutSpecifiers(text: string, kept: string): string {
  return text.replace(kept === "" ? /%/g : new RegExp(`%(?![${kept}])`, "g"), "%%");
}

function escape(text: string): string {
  return text.replace(/["\\]/g, "\\$&").replace(/[\x00-\x1f\x7f]/g, hexadecimal);
}

function hexadecimal(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
