/** A version of the program, as CHANGELOG.md describes it. */
export interface ChangeLogEntry {
  readonly version: string;
  readonly date: Date;
  /** The changes of the version: the text of each list item, without the mark of the item. */
  readonly changes: readonly string[];
}

/**
 * Reads CHANGELOG.md: the released versions, newest first.
 *
 * @throws if a section is not a released version: `## X.Y.Z (DATE)`
 */
export function readChangeLog(text: string): readonly ChangeLogEntry[] {
  const [, ...sections] = text.split(/^## /m);
  return sections.map((section) => {
    const [title = "", ...lines] = section.split("\n");
    const [, version, day] = /^(\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)$/.exec(title) ?? [];
    if (version === undefined || day === undefined)
      throw new Error(
        `CHANGELOG.md has the section "${title}": a release needs "## X.Y.Z (YYYY-MM-DD)" in its place`,
      );
    const changes = lines.filter((line) => line.startsWith("- ")).map((line) => line.slice(2));
    return { version, date: new Date(`${day}T00:00:00Z`), changes };
  });
}

/**
 * Checks that `version`, the version of package.json, is the newest version of the change log.
 *
 * @throws if the two versions differ.
 */
export function checkVersion(version: string, [newest]: readonly ChangeLogEntry[]): void {
  if (newest?.version !== version)
    throw new Error(
      `package.json has version ${version}, and CHANGELOG.md begins with ${newest?.version ?? "none"}: change one of the two`,
    );
}
