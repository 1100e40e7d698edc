import { DIRECT } from "./peers/index.ts";
import { type Direction, DIRECTIONS } from "./relays.ts";
import { Rounds, type RowResult, sumUp } from "./results.ts";
import type { Bench, Row } from "./row.ts";
import type { Figure, Sample } from "./samples.ts";

/** A row in one direction, and its relays. */
interface Task {
  readonly row: Row;
  readonly direction: Direction;
  readonly relays: readonly Rounds[];
}

/**
 * Puts every load on every relay once a round, so that whatever else the machine does meets all of
 * them alike; each round begins with another relay.
 *
 * @param tell is told of each load before it begins, and of each that failed
 */
export async function runRounds(
  bench: Bench,
  rows: readonly Row[],
  relays: readonly string[],
  rounds: number,
  tell: (line: string) => void,
): Promise<RowResult[]> {
  const tasks: Task[] = rows.flatMap((row) =>
    (row.directions ?? DIRECTIONS).map((direction) => ({
      row,
      direction,
      relays: relaysOf(row, relays).map((name) => new Rounds(name)),
    })),
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const { row, direction, relays: all } of tasks) {
      // What came before shows in a load, so that none may always follow the same one.
      for (const each of shuffled(all)) {
        const load = `round ${round + 1} of ${rounds}: ${row.name} ${direction.name} ${each.relay}`;
        tell(load);
        each.samples.push(
          await attempt(
            () => row.measure(bench, each.relay, direction),
            (reason) => {
              each.failures.add(reason);
              tell(`${load} gave no figure: ${reason}`);
            },
          ),
        );
      }
    }
  }
  return tasks.map(({ row, direction, relays: all }) =>
    sumUp(
      row.name,
      direction.name,
      Object.keys(row.figures) as Figure[],
      all,
      row.variants && all[0],
    ),
  );
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}

function relaysOf({ variants, hasDirect }: Row, chosen: readonly string[]): readonly string[] {
  return variants ?? chosen.filter((name) => hasDirect || name !== DIRECT);
}

async function attempt(
  measure: () => Promise<Sample>,
  tell: (reason: string) => void,
): Promise<Sample | null> {
  try {
    return await measure();
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error));
    return null;
  }
}
