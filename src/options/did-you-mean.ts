/**
 * The candidate with the smallest distance to `word`; `undefined` if no candidate is near enough.
 * Only letters and digits count, and capital letters equal small letters. The distance is the
 * number of changes that `edits` counts. If `word` has at least three letters and the candidate
 * begins with `word`, the distance is 1. A candidate is near enough if its distance is at most 1,
 * or at most a third of the number of letters and digits of `word`.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const plain = simplify(word);
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(plain.length / 3)) + 1;
  for (const candidate of candidates) {
    const other = simplify(candidate);
    const distance = plain.length > 2 && other.startsWith(plain) ? 1 : edits(plain, other);
    if (distance < fewest) {
      fewest = distance;
      best = candidate;
    }
  }
  return best;
}

function simplify(word: string): string {
  return word.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/**
 * Returns the smallest number of changes that turn `from` into `to`. A change inserts, deletes or
 * replaces one letter, or swaps two neighbours (the optimal string alignment distance).
 */
function edits(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped =
        row > 1 &&
        column > 1 &&
        from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
        swapped ? at(before, column - 2) + 1 : Infinity,
      );
    }
    before = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
