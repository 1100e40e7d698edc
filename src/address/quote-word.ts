/** A text that a user wrote, as messages show it: in quotes, with control characters escaped. */
export function quote(word: string): string {
  // JSON.stringify does not escape DEL and the C1 controls, but some terminals act on them.
  return JSON.stringify(word).replace(
    /[\u007f-\u009f]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
