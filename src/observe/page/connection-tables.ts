import type { GroupDocument, OpenDocument, StatusDocument } from "../admin/status-format.ts";
import type { GroupSort, Sort } from "../figures/open-connections.ts";
import { formatBytes, formatCount, formatDuration } from "../figures/print-figures.ts";
import { type Column, DataTable } from "./data-table.ts";
import { byId, setText } from "./dom.ts";
import { rateColumns } from "./rate-columns.ts";

type Counted = Pick<
  OpenDocument,
  "age_seconds" | "rate_up" | "rate_down" | "bytes_up" | "bytes_down" | "held_up" | "held_down"
>;

const FIGURES: readonly Column<Counted, Sort>[] = [
  {
    label: "Age",
    kind: "number",
    cell: ({ age_seconds }) => formatDuration(age_seconds),
    sorts: ["age", "newest"],
  },
  ...rateColumns<Sort>("the client", "rate"),
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

/**
 * The table of the open connections, or of the clients that have open connections. With the filter
 * and the pages the reader can reach each connection, even if there are many.
 */
export class OpenConnections {
  readonly #changed: () => void;
  readonly #connections: DataTable<OpenDocument, Sort>;
  readonly #clients: DataTable<GroupDocument, GroupSort>;
  readonly #find = byId<HTMLInputElement>("find");
  readonly #chosen = byId<HTMLButtonElement>("client");
  readonly #byConnection = byId<HTMLButtonElement>("by-connection");
  readonly #byClient = byId<HTMLButtonElement>("by-client");
  readonly #size = byId<HTMLSelectElement>("page-size");
  readonly #previous = byId<HTMLButtonElement>("previous");
  readonly #next = byId<HTMLButtonElement>("next");
  readonly #note = byId("table-note");
  readonly #empty = byId("rows-empty");
  #offset = 0;
  #isGrouped = false;
  /**
   * The only client whose connections the table shows; null while the table is not limited to one
   * client.
   */
  #client: string | null = null;

  /** @param changed - called when the reader changes the selection, the order or the page */
  constructor(changed: () => void) {
    this.#changed = changed;
    const restart = () => this.#restart();
    this.#connections = new DataTable<OpenDocument, Sort>(
      "by-connection-table",
      [
        { label: "Client", kind: "text wide", cell: clientOf },
        { label: "State", kind: "text", cell: ({ state }) => state },
        ...FIGURES,
      ],
      ({ id }) => String(id),
      "age",
      restart,
    );
    this.#clients = new DataTable<GroupDocument, GroupSort>(
      "by-client-table",
      [
        {
          label: "Client",
          kind: "text wide",
          cell: ({ client }) => client,
          choose: ({ client }) => this.#choose(client),
        },
        { label: "Open", kind: "number", cell: ({ open }) => formatCount(open), sorts: ["open"] },
        ...FIGURES,
      ],
      ({ client }) => client,
      "open",
      restart,
    );
    this.#find.addEventListener("input", restart);
    this.#size.addEventListener("change", restart);
    this.#byConnection.addEventListener("click", () => this.#group(false));
    this.#byClient.addEventListener("click", () => this.#group(true));
    this.#chosen.addEventListener("click", () => {
      this.#choose(null);
      this.#find.focus();
    });
    this.#previous.addEventListener("click", () => this.#turn(-1));
    this.#next.addEventListener("click", () => this.#turn(1));
    this.#showChoice();
  }

  /** The query parameters of the status request, for the list that the reader wants to see. */
  get query(): Readonly<Record<string, string>> {
    const find = this.#find.value.trim();
    return {
      limit: this.#size.value,
      offset: String(this.#offset),
      sort: this.#isGrouped ? this.#clients.sort : this.#connections.sort,
      ...(this.#isGrouped && { group: "client" }),
      ...(find !== "" && { find }),
      ...(this.#client !== null && { client: this.#client }),
    };
  }

  /** Clears the filter and the chosen client. Called when the page begins to show another relay. */
  reset(): void {
    this.#find.value = "";
    this.#choose(null);
  }

  show({ open: { list, groups, matching, offset }, connections }: StatusDocument): void {
    // Ignore an answer whose request was sent before the reader switched between connections and
    // clients.
    if ((groups !== null) !== this.#isGrouped) return;
    const count = groups === null ? list.length : groups.list.length;
    const total = groups === null ? matching : groups.total;
    if (count === 0 && total > 0 && offset > 0) {
      this.#offset = Math.floor((total - 1) / this.#limit) * this.#limit;
      this.#changed();
      return;
    }
    if (groups === null) this.#connections.show(list);
    else this.#clients.show(groups.list);
    this.#empty.hidden = count > 0;
    setText(
      this.#empty,
      connections.open === 0 ? "No connection is open." : "No open connection matches the filter.",
    );
    const from = offset + 1;
    const range =
      count === total ? "" : `${formatCount(from)} to ${formatCount(offset + count)} of `;
    const what = groups === null ? "connection" : "client";
    const among = matching === connections.open ? "" : `, ${formatCount(connections.open)} open`;
    setText(
      this.#note,
      count === 0 ? "" : `${range}${formatCount(total)} ${what}${total === 1 ? "" : "s"}${among}`,
    );
    this.#previous.disabled = offset === 0;
    this.#next.disabled = offset + count >= total;
    byId("pager").hidden = total <= SMALLEST_PAGE;
  }

  get #limit(): number {
    return Number(this.#size.value);
  }

  #group(isGrouped: boolean): void {
    this.#isGrouped = isGrouped;
    if (isGrouped) this.#client = null;
    this.#showChoice();
    this.#restart();
  }

  /** Shows the connections of one client, or of all clients if `client` is null. */
  #choose(client: string | null): void {
    this.#client = client;
    this.#isGrouped = false;
    this.#showChoice();
    this.#restart();
    if (client !== null) this.#chosen.focus();
  }

  #showChoice(): void {
    this.#byConnection.setAttribute("aria-pressed", String(!this.#isGrouped));
    this.#byClient.setAttribute("aria-pressed", String(this.#isGrouped));
    this.#connections.hidden = this.#isGrouped;
    this.#clients.hidden = !this.#isGrouped;
    this.#chosen.hidden = this.#client === null;
    setText(this.#chosen, `${this.#client ?? ""} ✕`);
    this.#chosen.setAttribute("aria-label", `Only ${this.#client ?? ""}; show all clients`);
  }

  #turn(pages: number): void {
    this.#offset = Math.max(0, this.#offset + pages * this.#limit);
    this.#changed();
  }

  #restart(): void {
    this.#offset = 0;
    this.#changed();
  }
}

// The smallest page size that the reader can choose. The first choice in index.html must be this
// number.
const SMALLEST_PAGE = 20;

function clientOf({ client, client_uid: uid, client_pid: pid }: OpenDocument): string {
  if (client !== "") return client;
  return uid === undefined ? "a client" : `user ${uid}, process ${pid}`;
}
