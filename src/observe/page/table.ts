import type { Sort } from "../figures/open-connections.ts";
import type { OpenDocument } from "../admin/status-document.ts";
import { formatBytes, formatCount, formatDuration, formatRate } from "../figures/print-figures.ts";
import { byId, html, setText } from "./dom.ts";

interface Column {
  readonly label: string;
  readonly kind: "text" | "text client" | "number";
  readonly cell: (connection: OpenDocument) => string;
  /** The sort orders that clicks on the heading cycle through. */
  readonly sorts?: readonly Sort[];
  /** The heading's text for screen readers. */
  readonly spoken?: string;
}

const COLUMNS: readonly Column[] = [
  { label: "Client", kind: "text client", cell: clientOf },
  { label: "State", kind: "text", cell: ({ state }) => state },
  {
    label: "Age",
    kind: "number",
    cell: ({ age_seconds }) => formatDuration(age_seconds),
    sorts: ["age", "newest"],
  },
  {
    label: "Rate ↑",
    spoken: "Rate from the client",
    kind: "number",
    cell: ({ rate_up }) => formatRate(rate_up),
    sorts: ["rate"],
  },
  {
    label: "Rate ↓",
    spoken: "Rate from the destination",
    kind: "number",
    cell: ({ rate_down }) => formatRate(rate_down),
  },
  {
    label: "Bytes ↑",
    spoken: "Bytes from the client",
    kind: "number",
    cell: ({ bytes_up }) => formatBytes(bytes_up),
    sorts: ["bytes"],
  },
  {
    label: "Bytes ↓",
    spoken: "Bytes from the destination",
    kind: "number",
    cell: ({ bytes_down }) => formatBytes(bytes_down),
  },
  {
    label: "Held",
    spoken: "Bytes held for a side that takes no more",
    kind: "number",
    cell: ({ held_up, held_down }) => formatBytes(held_up + held_down),
    sorts: ["held"],
  },
];

// How many more rows each click on the button shows.
const FEW = 20;
const MANY = 200;

/** The table of open connections. Its headings set the order. */
export class ConnectionTable {
  sort: Sort = "age";
  /** How many rows to ask for. */
  limit = FEW;
  readonly #note = byId("table-note");
  readonly #more = byId("more");
  readonly #rows = byId("rows");
  readonly #empty = byId("rows-empty");
  readonly #headings: readonly HTMLTableCellElement[];
  readonly #changed: () => void;

  /** `changed` is called when the user asks for another order or for more rows. */
  constructor(changed: () => void) {
    this.#changed = changed;
    this.#headings = COLUMNS.map((column) => this.#heading(column));
    byId("columns").append(...this.#headings);
    this.#mark();
    this.#more.addEventListener("click", () => {
      this.limit = this.limit === FEW ? MANY : FEW;
      this.#changed();
    });
  }

  /** Shows the first rows of `open` connections. */
  show(connections: readonly OpenDocument[], open: number): void {
    this.#rows.replaceChildren(...connections.map(row));
    this.#empty.hidden = connections.length > 0;
    const isCut = connections.length < open;
    setText(this.#note, isCut ? `the first ${connections.length} of ${formatCount(open)}` : "");
    setText(this.#more, this.limit === FEW ? "Show more" : "Show fewer");
    this.#more.hidden = this.limit === FEW ? !isCut : connections.length <= FEW;
  }

  #heading({ label, kind, sorts, spoken }: Column): HTMLTableCellElement {
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
    for (const [index, { sorts, label }] of COLUMNS.entries()) {
      const heading = this.#headings[index];
      const button = heading?.querySelector("button");
      if (!heading || !button || !sorts) continue;
      const chosen = sorts.includes(this.sort);
      const ascending = this.sort === "newest";
      if (chosen) heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      else heading.removeAttribute("aria-sort");
      button.textContent = chosen ? `${label} ${ascending ? "▴" : "▾"}` : label;
    }
  }
}

function clientOf({ client, client_uid: uid, client_pid: pid }: OpenDocument): string {
  if (client !== "") return client;
  return uid === undefined ? "a client" : `user ${uid}, process ${pid}`;
}

function labelled<Kind extends HTMLElement>(element: Kind, label: string, spoken?: string): Kind {
  element.textContent = label;
  if (spoken !== undefined) {
    element.setAttribute("aria-label", spoken);
    element.title = spoken;
  }
  return element;
}

function row(connection: OpenDocument): HTMLTableRowElement {
  const cells = COLUMNS.map(({ label, kind, cell }) =>
    html("td", { class: kind, "data-label": label }, cell(connection)),
  );
  return html("tr", {}, ...cells);
}
