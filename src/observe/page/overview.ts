import type { RelaySummary } from "../admin/status-format.ts";
import { formatCount } from "../figures/print-figures.ts";
import { DataTable } from "./data-table.ts";
import { setText, byId } from "./dom.ts";
import { rateColumns } from "./rate-columns.ts";

type Sort = "state" | "name" | "open" | "rate" | "failed" | "refused";

const ORDERS: Readonly<Record<Sort, (a: RelaySummary, b: RelaySummary) => number>> = {
  state: (a, b) => Number(a.ready) - Number(b.ready),
  name: (a, b) => a.name.localeCompare(b.name),
  open: (a, b) => b.open - a.open,
  rate: (a, b) => b.rate_up + b.rate_down - a.rate_up - a.rate_down,
  failed: (a, b) => b.failed - a.failed,
  refused: (a, b) => b.refused - a.refused,
};

/**
 * The table of all relays of the process. At first the table is sorted by state, so the relays that
 * are not ready come first.
 */
export class Overview {
  readonly #table: DataTable<RelaySummary, Sort>;
  #relays: readonly RelaySummary[] = [];

  /** @param choose - called with the name of the relay that the reader clicked */
  constructor(choose: (relay: string) => void) {
    this.#table = new DataTable<RelaySummary, Sort>(
      "relays",
      [
        {
          label: "Relay",
          kind: "text wide",
          cell: ({ name }) => name,
          sorts: ["name"],
          choose: ({ name }) => choose(name),
        },
        {
          label: "State",
          kind: "text wide",
          cell: stateOf,
          mood: ({ ready }) => (ready ? "good" : "bad"),
          sorts: ["state"],
        },
        {
          label: "Source → destination",
          kind: "text wide",
          cell: ({ source, destination }) => `${source ?? "not listening"} → ${destination}`,
        },
        { label: "Open", kind: "number", cell: ({ open }) => formatCount(open), sorts: ["open"] },
        ...rateColumns<Sort>("clients", "rate"),
        {
          label: "Failed",
          kind: "number",
          cell: ({ failed }) => formatCount(failed),
          sorts: ["failed"],
        },
        {
          label: "Refused",
          kind: "number",
          cell: ({ refused }) => formatCount(refused),
          sorts: ["refused"],
        },
      ],
      ({ name }) => name,
      "state",
      () => this.#draw(),
    );
  }

  show(relays: readonly RelaySummary[]): void {
    this.#relays = relays;
    const notReady = relays.filter(({ ready }) => !ready).length;
    setText(byId("relays-note"), notReady === 0 ? "" : `${formatCount(notReady)} not ready`);
    this.#draw();
  }

  #draw(): void {
    this.#table.show(this.#relays.toSorted(ORDERS[this.#table.sort]));
  }
}

function stateOf({ ready, not_ready_because: reason }: RelaySummary): string {
  return ready ? "Ready" : `Not ready: ${reason}`;
}
