/**
 * Returns the text of a section of a unit file. An empty line in `lines` separates groups of lines.
 */
export function section(name: string, lines: readonly string[]): string {
  return `[${name}]\n${lines.join("\n")}\n`;
}

/** Returns the line of one setting; an empty array if there is no value. */
export function setting(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`${name}=${value}`];
}

/**
 * Returns the line of a setting that takes several words. Each word is written only once. Returns
 * an empty array if there are no words.
 */
export function listing(name: string, words: readonly string[]): string[] {
  return words.length === 0 ? [] : [`${name}=${[...new Set(words)].join(" ")}`];
}

/** Returns a comment line; an empty array if there is no text. */
export function comment(text: string | undefined): string[] {
  return text === undefined ? [] : [`# ${text}`];
}
