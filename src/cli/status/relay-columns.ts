import { formatCount, formatRate } from "../../observe/figures/print-figures.ts";
import type { ReadSummary } from "./check-status-answer.ts";
import { type Column, figures, words } from "./draw-table.ts";

/** The columns of the table of relays, the most important columns first. */
export const RELAY_COLUMNS: readonly Column<ReadSummary>[] = [
  words("RELAY", ({ name }) => name),
  words("STATE", ({ ready }) => (ready ? "ready" : "not ready")),
  figures("OPEN", ({ open }) => open, formatCount),
  figures("RATE ↑", ({ rate_up: rate }) => rate, formatRate),
  figures("RATE ↓", ({ rate_down: rate }) => rate, formatRate),
  figures("FAILED", ({ failed }) => failed, formatCount),
  figures("REFUSED", ({ refused }) => refused, formatCount),
  figures("IN ALL", ({ total }) => total, formatCount),
  figures("MAX", ({ max }) => max, formatCount),
  words("SOURCE", ({ source }) => source ?? "not listening"),
  words("DESTINATION", ({ destination }) => destination),
];
