import { afterAll, beforeAll, describe, test } from "bun:test";
import fc from "fast-check";
import { checkPlans, plans } from "./byte-path.ts";
import { DIRECTIONS } from "./directions.ts";
import { countFromHere, type Harness } from "./relay-under-test.ts";

// CI looks for longer; a person who changed a line wants to know soon.
const HURRY = process.env["CI"] === undefined ? 4 : 1;

/**
 * How much is tried in each direction: as many runs as fit into the time, at most `runs`, and a
 * quarter of both outside CI.
 */
interface Extent {
  readonly runs: number;
  readonly seconds: number;
}

/**
 * The property of the byte path, over one way to run a relay. A failure prints its seed, with which
 * `BYTE_PATH_SEED=... bun test FILE` makes the same plans again; a run in progress when the time is
 * up is brought to its end.
 */
export function testBytePath(harness: Harness, { runs, seconds }: Extent): void {
  const chosen = process.env["BYTE_PATH_SEED"];
  const seed = chosen === undefined ? Date.now() & 0x7fffffff : Number(chosen);
  beforeAll(countFromHere);
  afterAll(async () => await harness.end?.());
  describe(`${harness.name}, seed ${seed}: whatever the ends do, bytes are whole or a prefix`, () => {
    for (const direction of DIRECTIONS) {
      test(
        direction.name,
        async () => {
          const started = performance.now();
          const property = fc.asyncProperty(plans, async (plans) => {
            if (performance.now() - started > (seconds / HURRY) * 1_000) return;
            await checkPlans(harness, direction, plans);
          });
          // A failure of timing shrinks to nothing of use: the seed and its plan say more.
          await fc.assert(property, { seed, numRuns: Math.ceil(runs / HURRY), endOnFailure: true });
        },
        (seconds + 60) * 1_000,
      );
    }
  });
}
