import { formatRate } from "../figures/print-figures.ts";
import type { Column } from "./data-table.ts";

interface Rates {
  readonly rate_up: number;
  readonly rate_down: number;
}

/**
 * Returns two columns: the rate from the client and the rate from the destination. Only the heading
 * of the first column sorts the table, by `sort`.
 */
export function rateColumns<Sort extends string>(
  client: "the client" | "clients",
  sort: Sort,
): readonly Column<Rates, Sort>[] {
  return [
    {
      label: "Rate ↑",
      spoken: `Rate from ${client}`,
      kind: "number",
      cell: ({ rate_up }) => formatRate(rate_up),
      sorts: [sort],
    },
    {
      label: "Rate ↓",
      spoken: "Rate from the destination",
      kind: "number",
      cell: ({ rate_down }) => formatRate(rate_down),
    },
  ];
}
