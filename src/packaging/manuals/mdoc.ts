/** Escapes a line of text so that mdoc(7) prints the line as it is. */
export function plain(text: string): string {
  return protect(text.replaceAll("\\", "\\e"));
}

/** Escapes a line so that mdoc(7) does not read it as a macro. */
function protect(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

/** A date as mdoc(7) has it: `November 28, 2026`. */
export function mdocDate(date: Date): string {
  return date.toLocaleDateString("en-US", {
    year: "numeric",
    month: "long",
    day: "numeric",
    timeZone: "UTC",
  });
}

/**
 * Breaks text lines that are longer than 80 columns. Macro lines and literal displays stay
 * unchanged.
 */
export function wrapLines(page: string): string {
  let isLiteral = false;
  const lines = page.split("\n").flatMap((line) => {
    if (line.startsWith(".Bd -literal")) isLiteral = true;
    if (line.startsWith(".Ed")) isLiteral = false;
    return isLiteral || line.startsWith(".") ? [line] : wrapLine(line);
  });
  return lines.join("\n");
}

const COLUMNS = 80;

function wrapLine(line: string): string[] {
  const [first = "", ...words] = line.split(" ");
  const lines = [first];
  for (const word of words) {
    const last = lines.at(-1) ?? "";
    if (last.length + 1 + word.length > COLUMNS) lines.push(protect(word));
    else lines.splice(-1, 1, `${last} ${word}`);
  }
  return lines;
}
