import { formatCount, formatRate } from "../../observe/figures/print-figures.ts";
import type { ReadSummary } from "./check-status-answer.ts";
import type { Column } from "./draw-table.ts";

/** The columns of the table of relays, the most important columns first. */
export const RELAY_COLUMNS: readonly Column<ReadSummary>[] = [
  { title: "RELAY", cell: ({ name }) => name, isText: true },
  { title: "STATE", cell: ({ ready }) => (ready ? "ready" : "not ready"), isText: true },
  { title: "OPEN", cell: ({ open }) => formatCount(open) },
  { title: "RATE ↑", cell: ({ rate_up: rate }) => formatRate(rate) },
  { title: "RATE ↓", cell: ({ rate_down: rate }) => formatRate(rate) },
  { title: "FAILED", cell: ({ failed }) => formatCount(failed) },
  { title: "REFUSED", cell: ({ refused }) => formatCount(refused) },
  { title: "IN ALL", cell: ({ total }) => formatCount(total) },
  { title: "MAX", cell: ({ max }) => formatCount(max) },
  { title: "SOURCE", cell: ({ source }) => source ?? "not listening", isText: true },
  { title: "DESTINATION", cell: ({ destination }) => destination, isText: true },
];
