import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The date of the release: SOURCE_DATE_EPOCH
 * (https://reproducible-builds.org/specs/source-date-epoch/) or else the newest date of the change
 * log. The current date plays no part, so a build gives the same bytes on every day.
 *
 * @throws {Error} if SOURCE_DATE_EPOCH is not a number of seconds, or no version has a date
 */
export function releaseDate(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  changeLog = readFileSync(join(import.meta.dir, "../../CHANGELOG.md"), "utf8"),
): Date {
  const seconds = environment["SOURCE_DATE_EPOCH"];
  if (seconds !== undefined) {
    if (!/^\d{1,11}$/.test(seconds))
      throw new Error(`SOURCE_DATE_EPOCH is not a number of seconds: ${JSON.stringify(seconds)}`);
    return new Date(Number(seconds) * 1_000);
  }
  const [, day] = /^## \S+ \((\d{4}-\d{2}-\d{2})\)$/m.exec(changeLog) ?? [];
  if (day === undefined)
    throw new Error("CHANGELOG.md has no version with a date: ## X.Y.Z (DATE)");
  return new Date(`${day}T00:00:00Z`);
}
