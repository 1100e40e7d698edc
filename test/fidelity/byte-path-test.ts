import { afterAll, beforeAll, describe, test } from "bun:test";
import fc from "fast-check";
import { checkPlans, plans } from "./byte-path.ts";
import { DIRECTIONS } from "./directions.ts";
import { countFromHere, type Harness } from "./relay-under-test.ts";
import { commandFor, failureWith, roundsOf, SEED } from "../support/repeat.ts";

/**
 * How much is tried in each direction: as many runs as fit into the time, at most `runs`, and a
 * quarter of both outside CI.
 */
interface Extent {
  readonly runs: number;
  readonly seconds: number;
  /** The file that asks for it. */
  readonly file: string;
}

/**
 * The property of the byte path, over one way to run a relay. A run in progress when the time is up
 * is brought to its end.
 *
 * A failure prints the command that makes the same plans again.
 */
export function testBytePath(harness: Harness, { runs, seconds, file }: Extent): void {
  beforeAll(countFromHere);
  afterAll(async () => await harness.end?.());
  describe(`${harness.name}: whatever the ends do, bytes are whole or a prefix`, () => {
    for (const direction of DIRECTIONS) {
      test(
        direction.name,
        async () => {
          const started = performance.now();
          const most = roundsOf(seconds * 1_000);
          const property = fc.asyncProperty(plans, async (plans) => {
            if (performance.now() - started > most) return;
            await checkPlans(harness, direction, plans);
          });
          // A failure of timing shrinks to nothing of use: the seed and its plan say more.
          try {
            await fc.assert(property, {
              seed: SEED,
              numRuns: roundsOf(runs),
              endOnFailure: true,
            });
          } catch (error) {
            throw failureWith(commandFor(file, { seeded: true }), error);
          }
        },
        (seconds + 60) * 1_000,
      );
    }
  });
}
