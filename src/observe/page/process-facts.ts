import type { StatusDocument } from "../admin/status-format.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatWorkers,
} from "../figures/print-figures.ts";
import { clock } from "./clock.ts";
import { FactList } from "./count-and-fact-lists.ts";

const processFacts = new FactList("process");

/** Shows the facts about the process. `isOverview` is true if the page shows all relays. */
export function showProcess(status: StatusDocument, isOverview: boolean): void {
  const { process: figures, uptime_seconds: uptime } = status;
  const { pauses_up: up, pauses_down: down } =
    isOverview && status.all !== null ? status.all.traffic : status.traffic;
  const workers = formatWorkers(figures.workers, status.options["workers"]);
  processFacts.show({
    "up for": `${formatDuration(uptime)}, since ${clock(status.started_at)}`,
    "process id": String(status.pid),
    CPU: `${formatDuration(figures.cpu_seconds)} in all`,
    ...(workers !== "" && { threads: workers }),
    memory: formatBytes(figures.resident_memory_bytes),
    descriptors:
      figures.open_files === null
        ? "unknown"
        : `${formatCount(figures.open_files)} of ${
            figures.open_files_max === null ? "any number" : formatCount(figures.open_files_max)
          }`,
    ...(figures.held_bytes_max !== null && {
      "held for slow readers": `${formatBytes(figures.held_bytes)} of ${formatBytes(
        figures.held_bytes_max,
      )}`,
    }),
    ...(figures.connections_max !== null && {
      "connections of all relays": `${formatCount(figures.connections_open)} of ${formatCount(
        figures.connections_max,
      )}`,
    }),
    ...(figures.earlier_connections > 0 && {
      "carried by earlier processes": `${formatCount(figures.earlier_connections)} connections`,
    }),
    "backpressure pauses": `${formatCount(up)} of clients, ${formatCount(down)} of the destination`,
    "log lines lost": formatCount(status.log_lines_dropped),
    ...(status.faults > 0 && { "unexpected errors": formatCount(status.faults) }),
  });
}
