import type { FailureDocument, RelayFailureDocument } from "../admin/status-format.ts";
import { formatCount } from "../figures/print-figures.ts";
import { byId, html, setText } from "./dom.ts";
import { KeyedChildren } from "./keyed-children.ts";
import { clock } from "./clock.ts";

/** A failure. `relay` is present if the list contains the failures of all relays. */
type Failure = FailureDocument & Partial<Pick<RelayFailureDocument, "relay">>;

/**
 * The table of failures and refused clients, one row for each reason. The reason that occurred last
 * comes first.
 */
export class FailureTable {
  readonly #empty = byId("failures-empty");
  readonly #table = byId("failure-table");
  readonly #rows = new KeyedChildren<Failure, HTMLTableRowElement>(
    byId("failures"),
    ({ kind, reason, relay = "" }) => `${kind} ${reason} ${relay}`,
    () =>
      html(
        "tr",
        {},
        html("td", { class: "text wide" }),
        html("td", { class: "number", "data-label": "Count" }),
        html("td", { class: "text", "data-label": "Last" }, html("time")),
      ),
    fill,
  );

  show(failures: readonly Failure[]): void {
    this.#rows.show(failures);
    this.#table.hidden = failures.length === 0;
    this.#empty.hidden = failures.length > 0;
  }
}

function fill(row: HTMLTableRowElement, failure: Failure): void {
  const { kind, reason, relay, count, last_at: last, message } = failure;
  const [what, counted, when] = row.cells;
  // The message of an unreachable destination already contains the error code, so the code is not
  // shown twice.
  const words = message.includes(reason) ? message : `${reason}: ${message}`;
  if (what) setText(what, relay === undefined ? words : `${relay}: ${words}`);
  if (what) what.dataset["kind"] = kind;
  if (counted) setText(counted, formatCount(count));
  const time = when?.querySelector("time");
  if (!time) return;
  setText(time, clock(last));
  time.dateTime = last;
}
