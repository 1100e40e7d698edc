/** A section of a unit file. An empty line in `lines` separates groups of lines. */
export function section(name: string, lines: readonly string[]): string {
  return `[${name}]\n${lines.join("\n")}\n`;
}

/** The line of one setting; no line if there is no value. */
export function setting(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`${name}=${value}`];
}

/** The line of a setting that lists words; no line if there are no words. */
export function listing(name: string, words: readonly string[]): string[] {
  return words.length === 0 ? [] : [`${name}=${[...new Set(words)].join(" ")}`];
}

/** A comment line; no line without a text. */
export function comment(text: string | undefined): string[] {
  return text === undefined ? [] : [`# ${text}`];
}
