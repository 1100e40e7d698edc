import type { RelaySummary } from "../admin/status-format.ts";
import { byId, html, setText } from "./dom.ts";
import { KeyedChildren } from "./keyed-children.ts";

const PARAMETER = "relay";

/**
 * The relay that the reader has chosen. The choice is part of the page's URL, so that a link to the
 * page keeps the choice.
 */
export class ChosenRelay {
  readonly #select = byId<HTMLSelectElement>("relay");
  readonly #options: KeyedChildren<RelaySummary, HTMLOptionElement>;
  readonly #changed: () => void;

  /** @param changed - called when the reader has chosen another relay */
  constructor(changed: () => void) {
    this.#changed = changed;
    this.#options = new KeyedChildren(
      byId("relay-names"),
      ({ name }) => name,
      ({ name }) => html("option", { value: name }),
      (option, { name, ready }) => setText(option, ready ? name : `${name} (not ready)`),
    );
    this.#select.addEventListener("change", () => this.choose(this.#select.value || null));
    addEventListener("hashchange", changed);
  }

  /**
   * The name of the chosen relay; null if no relay is chosen, so that the page shows all relays of
   * the process together, or the only relay.
   */
  get name(): string | null {
    return new URLSearchParams(location.hash.slice(1)).get(PARAMETER);
  }

  choose(name: string | null): void {
    const hash = name === null ? "" : `#${new URLSearchParams({ [PARAMETER]: name }).toString()}`;
    history.pushState(null, "", `${location.pathname}${hash}`);
    this.#changed();
  }

  show(relays: readonly RelaySummary[]): void {
    this.#select.hidden = relays.length < 2;
    this.#options.show(relays);
    setText(byId("all-relays"), `All ${relays.length} relays`);
    if (document.activeElement !== this.#select) this.#select.value = this.name ?? "";
  }
}
