import type { ChangeLogEntry } from "../change-log.ts";

// The maximum length of a line. Other programs that write deb-changelog(5) keep lines below 80
// columns.
const WIDTH = 78;

/** The change log in the format of Debian (deb-changelog(5)). */
export function debianChangeLog(entries: readonly ChangeLogEntry[], maintainer: string): string {
  return entries
    .map(({ version, date, changes }) =>
      [
        `simpletcpunixrelay (${version}) stable; urgency=medium`,
        "",
        ...changes.flatMap((change) => wrap(change)),
        "",
        ` -- ${maintainer}  ${date.toUTCString().replace("GMT", "+0000")}`,
        "",
      ].join("\n"),
    )
    .join("\n");
}

function wrap(change: string): string[] {
  const lines: string[] = [];
  let line = "  *";
  for (const word of change.split(" ")) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "   ";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
