import { PROGRAM } from "../../program/version.ts";
import { KNOWN_REFUSALS } from "../../relay/admission/refusal-reasons.ts";
import { ENDINGS } from "../../relay/observer.ts";
import { acceptPausesByWord } from "./accept-pause-words.ts";
import {
  counter,
  gauge,
  type Metric,
  type MetricReadBy,
  type MetricValue,
  only,
} from "./metric.ts";
import type { BothWays } from "./open-connections.ts";
import type { CountsByReason, RelayStatistics } from "./relay-statistics.ts";

/** The figures of one relay that become metrics. */
export interface RelayFigures {
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  readonly connectionsMax: number;
  readonly statistics: RelayStatistics;
}

/** A metric about each relay. `read` returns the values without the label `relay`. */
type RelayMetric = MetricReadBy<(relay: RelayFigures) => readonly MetricValue[]>;

/**
 * Returns the metrics about relays. A relay that is added to the array `relays` later appears in
 * these metrics, too.
 */
export function metricsOfRelays(relays: readonly RelayFigures[]): readonly Metric[] {
  return METRICS.map(({ read, ...metric }) => ({
    ...metric,
    name: `${PROGRAM}_${metric.name}`,
    read: () =>
      relays.flatMap((relay) =>
        read(relay).map(([value, labels]): MetricValue => [
          value,
          { relay: relay.name, ...labels },
        ]),
      ),
  }));
}

// The error codes of an unreachable destination: from connect(2), tcp(7), unix(7), socket(2),
// path_resolution(7) and the resolver. The relay also reports ELOOP if the destination is the
// relay's own source.
const FAILURE_CODES = [
  ...[
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOENT",
    "EACCES",
    "EPERM",
    "EAGAIN",
    "ETIMEDOUT",
    "EPROTOTYPE",
  ],
  ...["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN", "EADDRNOTAVAIL", "EAFNOSUPPORT"],
  ...["ELOOP", "ENOTDIR", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"],
  ...["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL"],
];

const METRICS: readonly RelayMetric[] = [
  gauge("info", "1, with the relay's addresses as labels.", (relay) => [
    [1, { source: relay.source, destination: relay.destination }],
  ]),
  gauge("ready", "Whether clients should be sent here: 1 or 0.", ({ statistics }) =>
    only(statistics.notReadyBecause === null ? 1 : 0),
  ),
  gauge("connections_open", "Open connections.", ({ statistics }) => only(statistics.open.size)),
  gauge(
    "connections_waiting_for_header",
    "Proxies without a whole PROXY header; they are not open, but count towards the limit.",
    ({ statistics }) => only(statistics.waitingForHeader),
  ),
  gauge("connections_max", "Connections that may be open at once.", ({ connectionsMax: most }) =>
    only(most),
  ),
  counter("connections_total", "Connections accepted.", ({ statistics }) =>
    only(statistics.accepted),
  ),
  counter(
    "connections_refused_total",
    "Clients that were not allowed to connect, by the reason.",
    ({ statistics }) => byWord("reason", statistics.refused, KNOWN_REFUSALS),
  ),
  counter(
    "connections_failed_total",
    "Connections whose destination could not be reached, by the system's code.",
    ({ statistics }) => byWord("reason", statistics.failed, FAILURE_CODES),
  ),
  counter(
    "connections_closed_total",
    "Connections that are over, by how they ended.",
    ({ statistics }) => byWord("ending", statistics.closed, ENDINGS),
  ),
  counter("received_bytes_total", "Bytes read, by the side they came from.", ({ statistics }) =>
    bySide(statistics.bytes),
  ),
  gauge("held_bytes", "Bytes read that the other side has not taken yet.", ({ statistics }) =>
    bySide(statistics.open.held()),
  ),
  counter(
    "backpressure_pauses_total",
    "How often reading from a side paused because the other took no more.",
    ({ statistics }) => bySide(statistics.pauses),
  ),
  counter(
    "accept_pauses_total",
    "How often the relay stopped accepting at one or more limits: connections, held bytes, open files.",
    ({ statistics }) => only(statistics.acceptPauses),
  ),
  gauge(
    "accepting_paused",
    "1 if the relay accepts no clients now for this reason: new clients wait.",
    ({ statistics }) => byWord("reason", acceptPausesByWord(statistics.acceptingPaused), []),
  ),
  gauge(
    "capture_ended",
    "Whether the capture has ended before the relay: 1 or 0.",
    ({ statistics }) => only(statistics.captureEnded === null ? 0 : 1),
  ),
  counter(
    "faults_total",
    "Unexpected errors: bugs of this program, or failures of the system.",
    ({ statistics }) => only(statistics.faults),
  ),
];

/**
 * The values of a metric that has a count for each value of a label, such as each error code. Each
 * known label value is present from the start, with the count 0, because Prometheus cannot see the
 * increase from a missing value to the first count.
 */
function byWord(
  label: string,
  counts: CountsByReason,
  known: readonly string[],
): readonly MetricValue[] {
  const words = new Set([...known, ...counts.keys()]);
  return Array.from(words, (word) => [counts.get(word) ?? 0, { [label]: word }]);
}

function bySide({ up, down }: BothWays): readonly MetricValue[] {
  return [
    [up, { from: "client" }],
    [down, { from: "destination" }],
  ];
}
