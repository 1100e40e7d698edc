import { formatCount } from "../figures/print-figures.ts";
import { byId, html, setText } from "./dom.ts";
import { KeyedChildren } from "./keyed-children.ts";

interface Count {
  readonly word: string;
  readonly count: number;
  /** The greatest count of the whole list. The bar of this count has the full length. */
  readonly most: number;
}

/** A list of words with their counts, greatest count first. Each count has a bar. */
export class CountList {
  readonly #empty: HTMLElement;
  readonly #entries: KeyedChildren<Count, HTMLDivElement>;

  /** @param id - the id of the element that shows the list */
  constructor(id: string) {
    this.#empty = byId(`${id}-empty`);
    this.#entries = new KeyedChildren(
      byId(id),
      ({ word }) => word,
      ({ word }) =>
        html(
          "div",
          {},
          html("dt", {}, word),
          html("dd", {}, html("meter", { "aria-hidden": "true" }), html("span")),
        ),
      (entry, { count, most }) => {
        const meter = entry.querySelector("meter");
        if (meter) Object.assign(meter, { max: most, value: count });
        const figure = entry.querySelector("span");
        if (figure) setText(figure, formatCount(count));
      },
    );
  }

  show(counts: Readonly<Record<string, number>>): void {
    const entries = Object.entries(counts)
      .filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a);
    const most = Math.max(1, ...entries.map(([, count]) => count));
    this.#entries.show(entries.map(([word, count]) => ({ word, count, most })));
    this.#empty.hidden = entries.length > 0;
  }
}

/** A list of facts, each with a name. */
export class FactList {
  readonly #entries: KeyedChildren<readonly [name: string, fact: string], HTMLDivElement>;

  /** @param id - the id of the element that shows the list */
  constructor(id: string) {
    this.#entries = new KeyedChildren(
      byId(id),
      ([name]) => name,
      ([name]) => html("div", {}, html("dt", {}, name), html("dd")),
      (entry, [, fact]) => {
        const text = entry.querySelector("dd");
        if (text) setText(text, fact);
      },
    );
  }

  show(facts: Readonly<Record<string, string>>): void {
    this.#entries.show(Object.entries(facts));
  }
}
