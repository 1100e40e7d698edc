import { formatBytes, formatDuration, formatRate } from "../../observe/figures/print-figures.ts";
import type { ReadConnection } from "./check-status-answer.ts";
import { type Column, figures, words } from "./draw-table.ts";

/** The columns of the table of open connections, the most important columns first. */
export const CONNECTION_COLUMNS: readonly Column<ReadConnection>[] = [
  words("CLIENT", clientOf),
  words("STATE", ({ state }) => state),
  figures("AGE", ({ age_seconds: age }) => age, formatDuration),
  figures("RATE ↑", ({ rate_up: rate }) => rate, formatRate),
  figures("RATE ↓", ({ rate_down: rate }) => rate, formatRate),
  figures("HELD", ({ held_up: up, held_down: down }) => up + down, formatBytes),
  figures("BYTES ↑", ({ bytes_up: bytes }) => bytes, formatBytes),
  figures("BYTES ↓", ({ bytes_down: bytes }) => bytes, formatBytes),
];

/** The columns of the table of open connections of several relays, with the relay's name first. */
export const CONNECTION_COLUMNS_OF_RELAYS: readonly Column<ReadConnection>[] = [
  words("RELAY", ({ relay }) => relay),
  ...CONNECTION_COLUMNS,
];

/** The client of a connection, as words: its address, or the user and process of a Unix client. */
export function clientOf({ client, client_uid: uid, client_pid: pid }: ReadConnection): string {
  if (client !== "") return client;
  return uid === undefined ? "a client" : `user ${uid}, process ${pid}`;
}
