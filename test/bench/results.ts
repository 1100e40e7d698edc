import { BEFORE, DIRECT, OURS } from "./peers/index.ts";
import { type Figure, isMoreBetter, type Sample } from "./samples.ts";
import { type Level, levels, median, spread } from "./statistics.ts";

/** What all rounds together say of a figure. */
export interface Summary {
  readonly median: number;
  /** Half of the range, in parts of the median. */
  readonly spread: number;
  /**
   * To the best peer, or the first variant, or without both our own relay as it was before: the
   * median of the ratios that the rounds gave, each of two loads that followed one another closely.
   */
  readonly ratio: number | null;
  /** The levels around which the rounds lie. */
  readonly levels: readonly Level[];
  /** In how many rounds our own relay was ahead of this one, and of how many; null of our own. */
  readonly behind: { readonly rounds: number; readonly of: number } | null;
}

/** What became of a relay in a row. */
export interface RelayResult {
  readonly relay: string;
  readonly figures: Partial<Readonly<Record<Figure, Summary>>>;
  /** One for each round; null where the load failed. */
  readonly rounds: readonly (Sample | null)[];
  /** Why loads failed, each reason once. */
  readonly failures: readonly string[];
}

/** A row in one direction. */
export interface RowResult {
  readonly row: string;
  readonly direction: string;
  /** What the ratios of each figure are to: the best of the peers, or the first variant. */
  readonly best: Partial<Readonly<Record<Figure, string>>>;
  readonly relays: readonly RelayResult[];
}

/** The loads of a relay in a row, as they come. */
export class Rounds {
  readonly samples: (Sample | null)[] = [];
  readonly failures = new Set<string>();

  constructor(readonly relay: string) {}
}

/**
 * Sums up a row in one direction; ratios are to `base`, or else to the best peer in each figure.
 */
export function sumUp(
  row: string,
  direction: string,
  figures: readonly Figure[],
  relays: readonly Rounds[],
  base: Rounds | undefined,
): RowResult {
  const own = base ?? relays.find(({ relay }) => relay === OURS);
  const before = relays.find(({ relay }) => relay === BEFORE);
  const best = new Map(
    figures.map((figure) => [figure, base ?? bestPeer(figure, relays) ?? before]),
  );
  return {
    row,
    direction,
    best: Object.fromEntries(
      [...best].flatMap(([figure, peer]) => (peer === undefined ? [] : [[figure, peer.relay]])),
    ),
    relays: relays.map((rounds) => ({
      relay: rounds.relay,
      figures: Object.fromEntries(
        figures.flatMap((figure) => {
          const values = valuesOf(figure, rounds);
          if (values.length === 0) return [];
          const ratio = ratioOf(figure, rounds, best.get(figure));
          const behind = rounds.relay === own?.relay ? null : behindOf(figure, rounds, own);
          const summary: Summary = {
            median: median(values),
            spread: spread(values),
            ratio,
            levels: levels(values),
            behind,
          };
          return [[figure, summary]];
        }),
      ),
      rounds: rounds.samples,
      failures: [...rounds.failures],
    })),
  };
}

function bestPeer(figure: Figure, relays: readonly Rounds[]): Rounds | undefined {
  const sign = isMoreBetter(figure) ? -1 : 1;
  return relays
    .filter(({ relay }) => relay !== OURS && relay !== BEFORE && relay !== DIRECT)
    .map((rounds) => ({ rounds, value: sign * median(valuesOf(figure, rounds)) }))
    .filter(({ value }) => !Number.isNaN(value))
    .toSorted((a, b) => a.value - b.value)[0]?.rounds;
}

function ratioOf(figure: Figure, rounds: Rounds, best: Rounds | undefined): number | null {
  const ratios = rounds.samples.flatMap((sample, round) => {
    const [own, other] = [sample?.[figure], best?.samples[round]?.[figure]];
    return own === undefined || other === undefined ? [] : [own / other];
  });
  return ratios.length === 0 ? null : median(ratios);
}

function behindOf(figure: Figure, rounds: Rounds, own: Rounds | undefined): Summary["behind"] {
  const sign = isMoreBetter(figure) ? -1 : 1;
  const leads = rounds.samples.flatMap((sample, round) => {
    const [theirs, ours] = [sample?.[figure], own?.samples[round]?.[figure]];
    return theirs === undefined || ours === undefined ? [] : [sign * (theirs - ours) > 0];
  });
  return { rounds: leads.filter(Boolean).length, of: leads.length };
}

function valuesOf(figure: Figure, { samples }: Rounds): number[] {
  return samples.flatMap((sample) => sample?.[figure] ?? []);
}
