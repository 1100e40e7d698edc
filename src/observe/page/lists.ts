import { formatCount } from "../figures/print-figures.ts";
import { byId, html } from "./dom.ts";

/** Shows counts per word in the list with an id, greatest first, each with a bar. */
export function showBars(id: string, counts: Readonly<Record<string, number>>): void {
  const entries = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
  const most = Math.max(1, ...entries.map(([, count]) => count));
  byId(id).replaceChildren(
    ...entries.flatMap(([word, count]) => [
      html("dt", {}, word),
      html(
        "dd",
        {},
        html("meter", { max: `${most}`, value: `${count}`, "aria-hidden": "true" }),
        html("span", {}, formatCount(count)),
      ),
    ]),
  );
  byId(`${id}-empty`).hidden = entries.length > 0;
}

/** Shows named facts in the list with an id. */
export function showFacts(id: string, facts: Readonly<Record<string, string>>): void {
  byId(id).replaceChildren(
    ...Object.entries(facts).flatMap(([name, fact]) => [
      html("dt", {}, name),
      html("dd", {}, fact),
    ]),
  );
}
