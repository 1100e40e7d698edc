// Not \p{Cc} and \p{Cf}: Bun 1.4.5's compiled form of such a class now and then overlooks a character.
// The last line has what reorders text that is shown (Unicode's Bidi_Control).
const CONTROLS = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029" +
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]",
  "g",
);

/**
 * A text from elsewhere, fit to be printed: what a terminal would obey, what would begin another line
 * and what would show the text in another order is written as `\u001b`.
 */
export function escapeControls(text: string): string {
  return text.replace(
    CONTROLS,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
