/** A section of a unit file with its lines; an empty line parts groups of them. */
export function section(name: string, lines: readonly string[]): string {
  return `[${name}]\n${lines.join("\n")}\n`;
}

/** One setting, or none where there is no value. */
export function setting(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`${name}=${value}`];
}

/** A setting that lists words, or none where there is no word. */
export function listing(name: string, words: readonly string[]): string[] {
  return words.length === 0 ? [] : [`${name}=${[...new Set(words)].join(" ")}`];
}

/** A comment, or none. */
export function comment(text: string | undefined): string[] {
  return text === undefined ? [] : [`# ${text}`];
}
