// Matches the characters that `escapeControls` replaces. The first line of the expression lists the
// control characters and line separators, the second line the characters that reorder displayed
// text (Unicode's Bidi_Control). The expression does not use the classes \p{Cc} and \p{Cf}, because
// in Bun 1.4.5 they sometimes do not match a character that belongs to them (a bug).
const CONTROLS = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029" +
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]",
  "g",
);

const CONTROL = new RegExp(CONTROLS.source);

/** Whether a text has a character that `escapeControls` replaces. */
export function hasControls(text: string): boolean {
  return CONTROL.test(text);
}

/**
 * Makes text from outside safe to print. Control characters, line separators and characters that
 * reorder displayed text become escapes, such as `\u001b`.
 */
export function escapeControls(text: string): string {
  // Return early, because almost no text has a control character, and the test takes a tenth of the
  // time of a replacement.
  if (!hasControls(text)) return text;
  return text.replace(
    CONTROLS,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
