import { formatBytes, formatDuration, formatRate } from "../../observe/figures/print-figures.ts";
import type { ReadConnection } from "./check-status-answer.ts";
import type { Column } from "./draw-table.ts";

/** The columns of the table of open connections, the most important columns first. */
export const CONNECTION_COLUMNS: readonly Column<ReadConnection>[] = [
  { title: "CLIENT", cell: clientOf, isText: true },
  { title: "STATE", cell: ({ state }) => state, isText: true },
  { title: "AGE", cell: ({ age_seconds: age }) => formatDuration(age) },
  { title: "RATE ↑", cell: ({ rate_up: rate }) => formatRate(rate) },
  { title: "RATE ↓", cell: ({ rate_down: rate }) => formatRate(rate) },
  { title: "HELD", cell: ({ held_up: up, held_down: down }) => formatBytes(up + down) },
  { title: "BYTES ↑", cell: ({ bytes_up: bytes }) => formatBytes(bytes) },
  { title: "BYTES ↓", cell: ({ bytes_down: bytes }) => formatBytes(bytes) },
];

/** The columns of the table of open connections of several relays, with the relay's name first. */
export const CONNECTION_COLUMNS_OF_RELAYS: readonly Column<ReadConnection>[] = [
  { title: "RELAY", cell: ({ relay }) => relay, isText: true },
  ...CONNECTION_COLUMNS,
];

function clientOf({ client, client_uid: uid, client_pid: pid }: ReadConnection): string {
  if (client !== "") return client;
  return uid === undefined ? "a client" : `user ${uid}, process ${pid}`;
}
