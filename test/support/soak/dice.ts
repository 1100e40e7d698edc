/** Chance that a seed repeats. */
export class Dice {
  #state: number;

  /** The same seeds make the same throws. */
  constructor(...seeds: readonly number[]) {
    this.#state = seeds.reduce((state, seed) => mix(state ^ seed), 0x9e3779b9);
  }

  /** A number from 0 up to 1. */
  throw(): number {
    // mulberry32 (Ettinger 2017).
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    return mix(this.#state) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.throw() * (most - least + 1));
  }

  /** As `between`, but each order of magnitude is as likely as the next. */
  magnitude(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.throw());
  }

  chance(probability: number): boolean {
    return this.throw() < probability;
  }

  /** One of several, each as likely as its weight says. */
  pick<Choice>(choices: readonly (readonly [weight: number, choice: Choice])[]): Choice {
    let left = this.throw() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, choice] of choices) {
      left -= weight;
      if (left < 0) return choice;
    }
    throw new RangeError("nothing to choose from");
  }
}

function mix(bits: number): number {
  let mixed = Math.imul(bits ^ (bits >>> 15), bits | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return (mixed ^ (mixed >>> 14)) >>> 0;
}
