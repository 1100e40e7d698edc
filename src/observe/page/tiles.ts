import type { SampleDocument, StatusDocument, Traffic } from "../admin/status-format.ts";
import { formatBytes, formatCount, formatLatency, formatRate } from "../figures/print-figures.ts";
import { byId, setText } from "./dom.ts";
import type { RecentSamples } from "./recent-samples.ts";

/** The figures of one relay, or the sums of all relays. */
export interface Figures {
  readonly open: number;
  /**
   * The number of accepted clients that are proxies and have not sent their whole PROXY header.
   * They count towards the limit `max`.
   */
  readonly waiting: number;
  readonly max: number;
  /** The number of accepted connections since the start. */
  readonly total: number;
  readonly failed: number;
  readonly refused: number;
  /**
   * The number of times that the relay stopped accepting clients because a limit was reached
   * (`accept_pauses` of `StatusDocument`). In the sums of all relays this number is always 0,
   * because the page does not show it there.
   */
  readonly pauses: number;
  /** The reasons for which new clients wait now (`accepting_paused` of `StatusDocument`). */
  readonly paused: readonly string[];
  readonly traffic: Traffic;
}

const MINUTE_S = 60;

export function figuresOfRelay(status: StatusDocument): Figures {
  const { open, max, total, failed, refused } = status.connections;
  return {
    ...{ open, max, total, failed: sumOf(failed), refused: sumOf(refused) },
    waiting: status.connections.waiting_for_header,
    pauses: status.accept_pauses,
    paused: status.accepting_paused,
    traffic: status.traffic,
  };
}

export function figuresOfAll(status: StatusDocument): Figures {
  const sum = (figure: (relay: StatusDocument["relays"][number]) => number) =>
    status.relays.reduce((total, relay) => total + figure(relay), 0);
  return {
    open: sum(({ open }) => open),
    waiting: sum(({ waiting_for_header }) => waiting_for_header),
    max: sum(({ max }) => max),
    total: sum(({ total }) => total),
    failed: sum(({ failed }) => failed),
    refused: sum(({ refused }) => refused),
    pauses: 0,
    paused: [...new Set(status.relays.flatMap(({ accepting_paused }) => accepting_paused))],
    traffic: status.all?.traffic ?? status.traffic,
  };
}

/** Shows the most important figures in the tiles at the top of the page. */
export function showTiles(figures: Figures, samples: RecentSamples): void {
  const { open, waiting, max, total, failed, refused, pauses, paused, traffic } = figures;
  const last = samples.list.at(-1);
  tile(
    "open",
    formatCount(open),
    `of ${formatCount(max)}${waitingNote(waiting)}${limitNote(pauses)}${pausedNote(paused)}`,
  );
  const meter = byId<HTMLMeterElement>("open-meter");
  Object.assign(meter, { max, high: max * 0.9, value: open + waiting });
  const recent = samples.sum(5 * MINUTE_S, (sample) => sample.failed + sample.refused);
  tile(
    "failed",
    formatCount(recent),
    `${formatCount(failed)} since the start${refused > 0 ? ` · ${formatCount(refused)} refused` : ""}`,
  );
  byId("failed").classList.toggle("bad", recent > 0);
  tile("up", formatRate(traffic.rate_up), trafficNote(traffic.bytes_up, traffic.held_up));
  tile("down", formatRate(traffic.rate_down), trafficNote(traffic.bytes_down, traffic.held_down));
  const connect = latestConnect(samples.list);
  tile(
    "connect",
    connect === undefined ? "–" : formatLatency(connect.connect_p50_seconds ?? 0),
    connect === undefined
      ? "no connect within a minute"
      : `p99 ${formatLatency(connect.connect_p99_seconds ?? 0)}`,
  );
  tile("new", `${formatCount(last?.accepted ?? 0)}/s`, `${formatCount(total)} since the start`);
}

function tile(id: string, figure: string, note: string): void {
  setText(byId(id), figure);
  setText(byId(`${id}-note`), note);
}

function waitingNote(waiting: number): string {
  return waiting > 0 ? ` · ${formatCount(waiting)} wait for their PROXY header` : "";
}

function limitNote(pauses: number): string {
  return pauses > 0 ? ` · limit reached ${formatCount(pauses)}×` : "";
}

function pausedNote(reasons: readonly string[]): string {
  return reasons.length > 0 ? ` · new clients wait (${reasons.join(", ")})` : "";
}

function trafficNote(bytes: number, held: number): string {
  return `${formatBytes(bytes)} in all${held > 0 ? ` · ${formatBytes(held)} held` : ""}`;
}

/**
 * The latest sample in which a connection reached the destination, among the samples of the last
 * minute; undefined if there is no such sample.
 */
function latestConnect(samples: readonly SampleDocument[]): SampleDocument | undefined {
  return samples.slice(-MINUTE_S).findLast((sample) => sample.connect_p50_seconds !== null);
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
