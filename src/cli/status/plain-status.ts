import { clientOf } from "./connection-columns.ts";
import type { ReadConnection, ReadStatus, ReadSummary } from "./check-status-answer.ts";

/** A column: its title, and a function that returns a record's field, or null for no value. */
type Column<Item> = readonly [title: string, field: (item: Item) => string | number | null];

/**
 * A status as records for programs such as awk and cut. Each line is one record, and one tab
 * separates its fields. The first field is the kind of the record: `process`, `relay`, `connection`
 * and so on. Before the records of a kind stands a line of titles, whose first field is the kind in
 * capital letters. Figures are exact, in bytes, bytes per second and seconds; `-` stands for no
 * value.
 *
 * If the status is about one relay, further records have the relay's traffic, its counts and its
 * last failure.
 */
export function plainStatus(status: ReadStatus): string[] {
  const { open, relay, relays, last_failure: last } = status;
  const isOfAll = open.of === "all";
  const left = open.matching - open.list.length;
  return [
    ...records("process", PROCESS, [status]),
    ...records("relay", RELAY, isOfAll ? relays : relays.filter(({ name }) => name === relay)),
    ...(isOfAll ? [] : records("traffic", TRAFFIC, [status])),
    ...(isOfAll ? [] : records("count", COUNT, countsOf(status))),
    ...(isOfAll || last === null ? [] : records("failure", FAILURE, [{ relay, ...last }])),
    ...records("connection", CONNECTION, open.list),
    ...(left > 0 ? records("more", MORE, [left]) : []),
  ];
}

/** A line of titles, and a line for each item. No lines if there is no item. */
function records<Item>(
  kind: string,
  columns: readonly Column<Item>[],
  items: readonly Item[],
): string[] {
  if (items.length === 0) return [];
  return [
    [kind.toUpperCase(), ...columns.map(([title]) => title)],
    ...items.map((item) => [kind, ...columns.map(([, field]) => printField(field(item)))]),
  ].map((fields) => fields.join("\t"));
}

function printField(field: string | number | null): string {
  return field === null || field === "" ? "-" : String(field);
}

const PROCESS: readonly Column<ReadStatus>[] = [
  ["PROGRAM", ({ program }) => program],
  ["VERSION", ({ version }) => version],
  ["PID", ({ pid }) => pid],
  ["UPTIME", ({ uptime_seconds: seconds }) => seconds],
  ["CPU", ({ process }) => process.cpu_seconds],
  ["MEMORY", ({ process }) => process.resident_memory_bytes],
  ["HELD", ({ process }) => process.held_bytes],
  ["HELD_MAX", ({ process }) => process.held_bytes_max],
  ["FILES", ({ process }) => process.open_files],
  ["FILES_MAX", ({ process }) => process.open_files_max],
  ["OPEN", ({ process }) => process.connections_open],
  ["OPEN_MAX", ({ process }) => process.connections_max],
  ["OPEN_EARLIER", ({ process }) => process.earlier_connections],
  ["LOOP_DELAY", ({ process }) => process.event_loop_delay_seconds],
  ["LOG_LINES_LOST", ({ log_lines_dropped: lost }) => lost],
  ["WORKERS", ({ process }) => process.workers],
];

const RELAY: readonly Column<ReadSummary>[] = [
  ["NAME", ({ name }) => name],
  ["STATE", ({ ready }) => (ready ? "ready" : "not ready")],
  ["OPEN", ({ open }) => open],
  ["RATE_UP", ({ rate_up: rate }) => rate],
  ["RATE_DOWN", ({ rate_down: rate }) => rate],
  ["FAILED", ({ failed }) => failed],
  ["REFUSED", ({ refused }) => refused],
  ["TOTAL", ({ total }) => total],
  ["OPEN_MAX", ({ max }) => max],
  ["SOURCE", ({ source }) => source],
  ["DESTINATION", ({ destination }) => destination],
  ["WAITING_FOR_HEADER", ({ waiting_for_header: waiting }) => waiting],
  ["NOT_READY_BECAUSE", ({ not_ready_because: reason }) => reason],
  ["CAPTURE_ENDED", ({ capture_ended: reason }) => reason],
  ["ACCEPTING_PAUSED", ({ accepting_paused: reasons }) => reasons.join(",") || null],
];

const TRAFFIC: readonly Column<ReadStatus>[] = [
  ["RELAY", ({ relay }) => relay],
  ["BYTES_UP", ({ traffic }) => traffic.bytes_up],
  ["BYTES_DOWN", ({ traffic }) => traffic.bytes_down],
  ["HELD_UP", ({ traffic }) => traffic.held_up],
  ["HELD_DOWN", ({ traffic }) => traffic.held_down],
  ["PAUSES_UP", ({ traffic }) => traffic.pauses_up],
  ["PAUSES_DOWN", ({ traffic }) => traffic.pauses_down],
];

/** How often connections ended, failed or were refused for one reason. */
interface Counted {
  readonly relay: string;
  /** `ended`, `failed` or `refused`. */
  readonly outcome: string;
  readonly reason: string;
  readonly count: number;
}

const COUNT: readonly Column<Counted>[] = [
  ["RELAY", ({ relay }) => relay],
  ["OUTCOME", ({ outcome }) => outcome],
  ["REASON", ({ reason }) => reason],
  ["TIMES", ({ count }) => count],
];

/** The counts of a relay's connections; counts of 0 are left out. */
function countsOf({ relay, connections }: ReadStatus): Counted[] {
  const { closed: ended, failed, refused } = connections;
  return Object.entries({ ended, failed, refused }).flatMap(([outcome, counts]) =>
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([reason, count]) => ({ relay, outcome, reason, count })),
  );
}

const FAILURE: readonly Column<
  NonNullable<ReadStatus["last_failure"]> & { readonly relay: string }
>[] = [
  ["RELAY", ({ relay }) => relay],
  ["AT", ({ at }) => at],
  ["REASON", ({ code }) => code],
  ["MESSAGE", ({ message }) => message],
];

const CONNECTION: readonly Column<ReadConnection>[] = [
  ["RELAY", ({ relay }) => relay],
  ["CLIENT", clientOf],
  ["STATE", ({ state }) => state],
  ["AGE", ({ age_seconds: age }) => age],
  ["RATE_UP", ({ rate_up: rate }) => rate],
  ["RATE_DOWN", ({ rate_down: rate }) => rate],
  ["HELD", ({ held_up: up, held_down: down }) => up + down],
  ["BYTES_UP", ({ bytes_up: bytes }) => bytes],
  ["BYTES_DOWN", ({ bytes_down: bytes }) => bytes],
];

/** The number of open connections that have no record, because there are too many of them. */
const MORE: readonly Column<number>[] = [["CONNECTIONS", (left) => left]];
