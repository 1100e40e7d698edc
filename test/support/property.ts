import fc from "fast-check";
import { commandFor, failureWith, roundsOf, SEED } from "./repeat.ts";

interface Extent {
  /** How many values CI tries. Default: 100. */
  readonly runs?: number;
}

/**
 * Checks a property with random values: a quarter of them outside CI.
 *
 * @param file the test's own, `import.meta.path`.
 * @throws {Error} with the command that tries the same values again; its cause is fast-check's
 *   report with the smallest value for which the property fails.
 */
export function holds<Values>(
  file: string,
  property: fc.IProperty<Values>,
  { runs = 100 }: Extent = {},
): void {
  try {
    fc.assert(property, { seed: SEED, numRuns: roundsOf(runs) });
  } catch (error) {
    throw failureWith(commandFor(file, { seeded: true }), error);
  }
}
