// The maximum number of characters of a word in a message. A longer word would hide the reason,
// which follows the word.
const SHOWN_MOST = 200;

/**
 * A text that a user wrote, as messages show it: in quotes, with control characters escaped. Of a
 * very long text only the beginning is shown.
 */
export function quote(word: string): string {
  if (word.length > SHOWN_MOST) {
    const beginning = word.slice(0, SHOWN_MOST).toWellFormed();
    return `${quote(beginning)}… (${word.length} characters)`;
  }
  // JSON.stringify does not escape DEL and the C1 controls, but some terminals act on them.
  return JSON.stringify(word).replace(
    /[\u007f-\u009f]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
