import type { StatusDocument } from "../admin/status-document.ts";
import { formatBytes, formatCount, formatDuration, formatRate } from "../figures/print-figures.ts";
import { Chart } from "./chart.ts";
import { byId, html, setText } from "./dom.ts";
import { showBars, showFacts } from "./lists.ts";
import { Poll } from "./poll.ts";
import { Samples } from "./samples.ts";
import { ConnectionTable } from "./table.ts";

const SECONDS = 300;

const samples = new Samples(SECONDS);
const throughput = new Chart(byId("throughput"), {
  title: "Throughput",
  series: [
    { name: "from clients", kind: "up", value: ({ rate_up }) => rate_up },
    { name: "from destination", kind: "down", value: ({ rate_down }) => rate_down },
  ],
  format: formatRate,
  least: 1_000,
  seconds: SECONDS,
});
const connections = new Chart(byId("connections"), {
  title: "Connections",
  series: [
    { name: "open", kind: "open", value: ({ open }) => open },
    { name: "new a second", kind: "up", value: ({ accepted }) => accepted },
    { name: "failed a second", kind: "failed", value: ({ failed }) => failed },
  ],
  format: formatCount,
  least: 3,
  seconds: SECONDS,
});
const table = new ConnectionTable(() => poll.now());
const poll = new Poll(address, show, showSilence);
const pause = byId<HTMLButtonElement>("pause");

pause.addEventListener("click", () => {
  poll.paused = !poll.paused;
  setText(pause, poll.paused ? "Resume" : "Pause");
  pause.setAttribute("aria-pressed", String(poll.paused));
});

/** The URL to ask; of the history only what is newer than the last answer. */
function address(): string {
  return `/status?limit=${table.limit}&sort=${table.sort}&history=${samples.wanted}`;
}

function show(status: StatusDocument): void {
  samples.add(status);
  document.documentElement.classList.remove("stale");
  showHeader(status);
  showTiles(status);
  for (const chart of [throughput, connections]) chart.show(samples.list, status.uptime_seconds);
  table.show(status.open.list, status.connections.open);
  showBars("failures", failures(status));
  showBars("endings", status.connections.closed);
  showLastFailure(status);
  showProcess(status);
  showFacts("options", status.options);
}

/** There is no answer: the page shows old figures and says so. */
function showSilence(reason: string): void {
  document.documentElement.classList.add("stale");
  showState("No answer", "bad");
  showBanner(`No answer since the last one shown here: ${reason}`);
}

function showHeader(status: StatusDocument): void {
  const { program, version, source, destination, state, not_ready_because: reason } = status;
  byId("program").replaceChildren(`${program} `, html("small", {}, version));
  setText(byId("route"), `${source ?? "not listening"} → ${destination}`);
  document.title = `${status.connections.open} open · ${source ?? program}`;
  if (state === "draining") showState("Draining", "warn");
  else if (state !== "listening") showState(state === "stopped" ? "Stopped" : "Starting", "warn");
  else if (reason !== null) showState("Not ready", "bad");
  else showState("Ready", "good");
  showBanner(state === "listening" && reason !== null ? reason : "");
}

function showState(words: string, mood: "good" | "warn" | "bad"): void {
  const state = byId("state");
  setText(state, words);
  state.dataset["mood"] = mood;
}

function showBanner(words: string): void {
  const banner = byId("banner");
  setText(banner, words);
  banner.hidden = words === "";
}

function showTiles({ connections, traffic, accept_pauses: pauses }: StatusDocument): void {
  const { open, max, total, failed, refused } = connections;
  setText(byId("open"), formatCount(open));
  setText(
    byId("open-note"),
    `of ${formatCount(max)} · ${formatCount(total)} in all` +
      (pauses > 0 ? ` · limit met ${formatCount(pauses)}×` : ""),
  );
  setText(byId("up"), formatRate(traffic.rate_up));
  setText(byId("up-note"), trafficNote(traffic.bytes_up, traffic.held_up));
  setText(byId("down"), formatRate(traffic.rate_down));
  setText(byId("down-note"), trafficNote(traffic.bytes_down, traffic.held_down));
  setText(byId("failed"), formatCount(sumOf(failed)));
  byId("failed").classList.toggle("bad", (samples.list.at(-1)?.failed ?? 0) > 0);
  const turnedAway = sumOf(refused);
  setText(
    byId("failed-note"),
    `destination not reached${turnedAway > 0 ? ` · ${formatCount(turnedAway)} refused` : ""}`,
  );
}

/** Failures and refusals, per reason. */
function failures({ connections: { failed, refused } }: StatusDocument): Record<string, number> {
  const turnedAway = Object.entries(refused).map(([reason, count]) => [
    `refused: ${reason}`,
    count,
  ]);
  return { ...failed, ...Object.fromEntries(turnedAway) };
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function trafficNote(bytes: number, held: number): string {
  return `${formatBytes(bytes)} in all${held > 0 ? ` · ${formatBytes(held)} held` : ""}`;
}

function showLastFailure({ last_failure: last }: StatusDocument): void {
  const words = last === null ? "" : `Last at ${clock(last.at)}: ${last.message}`;
  setText(byId("last-failure"), words);
}

function showProcess(status: StatusDocument): void {
  const { process: figures, uptime_seconds: uptime } = status;
  showFacts("process", {
    "up for": `${formatDuration(uptime)}, since ${clock(status.started_at)}`,
    "process id": String(status.pid),
    CPU: `${formatDuration(figures.cpu_seconds)} in all`,
    memory: formatBytes(figures.resident_memory_bytes),
    descriptors:
      figures.open_files === null
        ? "unknown"
        : `${formatCount(figures.open_files)} of ${
            figures.open_files_max === null ? "any number" : formatCount(figures.open_files_max)
          }`,
    "event loop late by": `${(figures.event_loop_delay_seconds * 1_000).toFixed(1)} ms`,
    "backpressure pauses": `${formatCount(status.traffic.pauses_up)} of clients, ${formatCount(
      status.traffic.pauses_down,
    )} of the destination`,
    "log lines lost": formatCount(status.log_lines_dropped),
    ...(status.faults > 0 && { "unexpected errors": formatCount(status.faults) }),
  });
}

function clock(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}
