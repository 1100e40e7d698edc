import { afterAll, beforeAll, describe, test } from "bun:test";
import { join, relative } from "node:path";
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
  /** The file that asks for it. */
  readonly file: string;
}

/**
 * The property of the byte path, over one way to run a relay. A failure prints its seed, with which
 * `BYTE_PATH_SEED=... bun test FILE` makes the same plans again; a run in progress when the time is
 * up is brought to its end.
 */
export function testBytePath(harness: Harness, { runs, seconds, file }: Extent): void {
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
          const numRuns = Math.ceil(runs / HURRY);
          const property = fc.asyncProperty(plans, async (plans) => {
            if (performance.now() - started > (seconds / HURRY) * 1_000) return;
            await checkPlans(harness, direction, plans);
          });
          // A failure of timing shrinks to nothing of use: the seed and its plan say more.
          try {
            await fc.assert(property, { seed, numRuns, endOnFailure: true });
          } catch (error) {
            throw new Error(`to see it again: ${againOf(seed, file)}`, { cause: error });
          }
        },
        (seconds + 60) * 1_000,
      );
    }
  });
}

/** The command that makes the same plans again. */
function againOf(seed: number, file: string): string {
  const ci = HURRY === 1 ? "CI=true " : "";
  const path = relative(join(import.meta.dir, "../.."), file);
  return `${ci}BYTE_PATH_SEED=${seed} npx --yes bun@1.4.5 test --timeout 60000 ${path}`;
}
