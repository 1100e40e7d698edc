import { byId, html, setText } from "./dom.ts";
import { KeyedChildren } from "./keyed-children.ts";

/** A column of a table. */
export interface Column<Item, Sort extends string> {
  readonly label: string;
  readonly kind: "text" | "text wide" | "number";
  readonly cell: (item: Item) => string;
  /** The sort orders of this column. Each click on the heading selects the next order. */
  readonly sorts?: readonly Sort[];
  /** The heading's text for screen readers and the tooltip. Default: `label`. */
  readonly spoken?: string;
  /** Whether the item is in a good or a bad state, which the colour of the cell shows. */
  readonly mood?: (item: Item) => "good" | "bad";
  /** Called on a click on the cell's text. If this is set, the text is a button. */
  readonly choose?: (item: Item) => void;
}

/**
 * A table that updates its rows in place. The reader sets the sort order with the headings. The
 * caller sorts the items.
 */
export class DataTable<Item, Sort extends string> {
  sort: Sort;
  readonly #table: HTMLTableElement;
  readonly #columns: readonly Column<Item, Sort>[];
  readonly #headings: readonly HTMLTableCellElement[];
  readonly #rows: KeyedChildren<Item, HTMLTableRowElement>;
  readonly #changed: () => void;
  /** The item that each row shows. A cell that is clicked gets its row's item from here. */
  readonly #items = new WeakMap<HTMLTableRowElement, Item>();

  /**
   * @param id - the id of the table element
   * @param changed - called when the reader chooses another sort order
   */
  constructor(
    id: string,
    columns: readonly Column<Item, Sort>[],
    keyOf: (item: Item) => string,
    sort: Sort,
    changed: () => void,
  ) {
    this.sort = sort;
    this.#table = byId<HTMLTableElement>(id);
    this.#columns = columns;
    this.#changed = changed;
    this.#headings = columns.map((column) => this.#heading(column));
    const body = html("tbody");
    this.#table.append(html("thead", {}, html("tr", {}, ...this.#headings)), body);
    this.#rows = new KeyedChildren(
      body,
      keyOf,
      () => this.#row(),
      (row, item) => this.#fill(row, item),
    );
    this.#mark();
  }

  set hidden(hidden: boolean) {
    this.#table.hidden = hidden;
  }

  show(items: readonly Item[]): void {
    this.#rows.show(items);
  }

  #row(): HTMLTableRowElement {
    const row = html("tr");
    for (const { label, kind, choose } of this.#columns) {
      const cell = html("td", { class: kind, "data-label": label });
      if (choose !== undefined) {
        const button = html("button", { type: "button", class: "link" });
        button.addEventListener("click", () => {
          const item = this.#items.get(row);
          if (item !== undefined) choose(item);
        });
        cell.append(button);
      }
      row.append(cell);
    }
    return row;
  }

  #fill(row: HTMLTableRowElement, item: Item): void {
    this.#items.set(row, item);
    for (const [index, { cell, choose, mood }] of this.#columns.entries()) {
      const element = row.cells[index];
      if (element === undefined) continue;
      if (mood !== undefined) element.dataset["mood"] = mood(item);
      setText(choose === undefined ? element : (element.firstElementChild ?? element), cell(item));
    }
  }

  #heading({ label, kind, sorts, spoken }: Column<Item, Sort>): HTMLTableCellElement {
    if (sorts === undefined)
      return html("th", { class: kind, scope: "col" }, labelled(html("span"), label, spoken));
    const button = labelled(html("button", { type: "button" }), label, spoken);
    button.addEventListener("click", () => {
      const at = sorts.indexOf(this.sort);
      this.sort = sorts[(at + 1) % sorts.length] ?? this.sort;
      this.#mark();
      this.#changed();
    });
    return html("th", { class: kind, scope: "col" }, button);
  }

  #mark(): void {
    for (const [index, { sorts, label }] of this.#columns.entries()) {
      const heading = this.#headings[index];
      const button = heading?.querySelector("button");
      if (!heading || !button || !sorts) continue;
      const chosen = sorts.includes(this.sort);
      // The orders `newest` and `name` begin with the smallest value: the smallest age, or the
      // first name.
      const ascending = this.sort === "newest" || this.sort === "name";
      if (chosen) heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      else heading.removeAttribute("aria-sort");
      button.textContent = chosen ? `${label} ${ascending ? "▴" : "▾"}` : label;
    }
  }
}

function labelled<Kind extends HTMLElement>(element: Kind, label: string, spoken?: string): Kind {
  element.textContent = label;
  if (spoken !== undefined) {
    element.setAttribute("aria-label", spoken);
    element.title = spoken;
  }
  return element;
}
