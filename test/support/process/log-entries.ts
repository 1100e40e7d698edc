/**
 * The entries of a log in JSON, of one event where it is named.
 *
 * @throws {SyntaxError} for a line that is no JSON
 */
export function entriesOf(log: string, event?: string): Record<string, unknown>[] {
  return log
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Record<string, unknown> => JSON.parse(line))
    .filter((entry) => event === undefined || entry["event"] === event);
}
