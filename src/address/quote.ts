/** A word that somebody wrote, as a message shows it: in quotes, with nothing a terminal obeys. */
export function quote(word: string): string {
  // JSON leaves DEL and the C1 controls alone; some terminals do not.
  return JSON.stringify(word).replace(
    /[\u007f-\u009f]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
