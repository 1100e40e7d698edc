/**
 * The maximum number of levels of an answer; a status of this release has 5. `status --json`
 * indents each line by its level, so many levels would take far more memory than the answer itself.
 */
export const LEVELS_MOST = 16;

/**
 * Whether a value that JSON.parse returned has more than `LEVELS_MOST` levels. An object or a list
 * is one level above its parts.
 */
export function hasTooManyLevels(value: unknown, most = LEVELS_MOST): boolean {
  if (typeof value !== "object" || value === null) return false;
  return most === 0 || Object.values(value).some((part) => hasTooManyLevels(part, most - 1));
}
