/**
 * How a text must be written in a unit file so that systemd reads that text and nothing else. Which
 * way fits depends on the setting: each has a parser of its own.
 *
 * `kept` has the letters of the specifiers that systemd is to expand: `i` for `%i` in a template.
 */

/**
 * An argument in `ExecStart=`: quoted where it must be (systemd.syntax(7), "Quoting"), with nothing
 * that systemd takes for a specifier or a variable (systemd.service(5), "Command lines").
 */
export function execWord(text: string, kept = ""): string {
  const literal = withoutSpecifiers(text, kept).replaceAll("$", "$$$$");
  return /^[^\s"'\\;\x00-\x1f\x7f-\x9f]+$/.test(literal) ? literal : `"${escape(literal)}"`;
}

/** Whether systemd takes an executable of that path: one with a quote or a backslash it never does. */
export function isProgram(path: string): boolean {
  return !/["'\\]/.test(path) && !hasControls(path);
}

/** The program of `ExecStart=`, of which systemd expands specifiers but no variables. */
export function execProgram(path: string): string {
  const literal = withoutSpecifiers(path, "");
  return /[ ;]/.test(literal) ? `"${literal}"` : literal;
}

/** A path in a list of paths, as `ReadWritePaths=` and `BindPaths=`, which know no `\x20`. */
export function pathWord(path: string, kept = ""): string {
  const literal = withoutSpecifiers(path, kept);
  return /[ "'\\:]/.test(literal) ? `"${literal.replace(/["\\]/g, "\\$&")}"` : literal;
}

/** A folder in `RuntimeDirectory=`, which takes an escaped quote for the end of a quoted word. */
export function directoryWord(path: string, kept = ""): string {
  return withoutSpecifiers(path, kept).replace(/[ "'\\:]/g, hexadecimal);
}

/** A value that is one text to the end of its line, as `Description=`. */
export function wholeValue(text: string, kept = ""): string {
  return withoutSpecifiers(text, kept);
}

/**
 * Whether `wholeValue` can carry a text that nothing follows: a line loses the spaces at its end, and
 * a backslash there joins it to the next.
 */
export function endsAsWritten(text: string): boolean {
  return !/[ \\]$/.test(text);
}

/** Whether a text has a character that ends a line of a unit, or that no list of paths can carry. */
export function hasControls(text: string): boolean {
  return /[\x00-\x1f\x7f]/.test(text);
}

// systemd.unit(5), "Specifiers"
function withoutSpecifiers(text: string, kept: string): string {
  return text.replace(kept === "" ? /%/g : new RegExp(`%(?![${kept}])`, "g"), "%%");
}

function escape(text: string): string {
  return text.replace(/["\\]/g, "\\$&").replace(/[\x00-\x1f\x7f]/g, hexadecimal);
}

function hexadecimal(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
