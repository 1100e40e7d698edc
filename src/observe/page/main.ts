import type { StatusDocument } from "../admin/status-format.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLatency,
  formatRate,
} from "../figures/print-figures.ts";
import { Chart, type Series } from "./chart.ts";
import { clock } from "./clock.ts";
import { ChartCursor } from "./chart-cursor.ts";
import { byId, setText } from "./dom.ts";
import { FailureTable } from "./failure-table.ts";
import { CountList, FactList } from "./count-and-fact-lists.ts";
import { OpenConnections } from "./connection-tables.ts";
import { Overview } from "./overview.ts";
import { Poll, type PollFailure } from "./poll.ts";
import { ChosenRelay } from "./chosen-relay.ts";
import { RecentSamples } from "./recent-samples.ts";
import { decadeScale, linearScale, mirroredScale } from "./chart-scale.ts";
import { figuresOfAll, figuresOfRelay, showTiles } from "./tiles.ts";

const SECONDS = 300;
// The lowest power of ten on the delay axis, in seconds: 10 µs. The times to connect to the
// destination, and the delays of the event loop, are seldom shorter.
const SHORTEST_DECADE = -5;

const cursor = new ChartCursor(SECONDS);
const samples = new RecentSamples(SECONDS);
const charts = [
  new Chart(byId("throughput"), {
    title: "Traffic",
    series: [
      { name: "↑ from clients", kind: "up", value: ({ rate_up }) => rate_up },
      {
        name: "↓ from destination",
        kind: "down",
        value: ({ rate_down }) => rate_down,
        isBelow: true,
      },
    ],
    format: formatRate,
    scale: (shown) =>
      mirroredScale(
        most(shown.map(({ rate_up }) => rate_up)),
        most(shown.map(({ rate_down }) => rate_down)),
        1_000,
      ),
    seconds: SECONDS,
    cursor,
  }),
  countChart("connections", "Connections", [
    { name: "open", kind: "open", value: ({ open }) => open },
    { name: "new a second", kind: "usual", value: ({ accepted }) => accepted },
  ]),
  countChart("failure-chart", "Failures", [
    { name: "failed a second", kind: "failed", value: ({ failed }) => failed },
    { name: "refused a second", kind: "refused", value: ({ refused }) => refused },
  ]),
  new Chart(byId("latency"), {
    title: "Delay",
    series: [
      {
        name: "event loop",
        kind: "loop",
        value: (one) => one.event_loop_delay_seconds,
        shape: "bars",
      },
      {
        name: "connect p50",
        kind: "usual",
        value: (one) => one.connect_p50_seconds,
        shape: "line",
      },
      { name: "p99", kind: "slow", value: (one) => one.connect_p99_seconds, shape: "line" },
    ],
    format: formatLatency,
    scale: (shown) =>
      decadeScale(
        shown.flatMap((one) => [
          one.connect_p50_seconds ?? 0,
          one.connect_p99_seconds ?? 0,
          one.event_loop_delay_seconds,
        ]),
        SHORTEST_DECADE,
      ),
    seconds: SECONDS,
    cursor,
  }),
];
const failures = new FailureTable();
const endings = new CountList("endings");
const processFacts = new FactList("process");
const options = new FactList("options");
const table = new OpenConnections(() => poll.now());
const overview = new Overview((name) => choice.choose(name));
const choice = new ChosenRelay(() => {
  samples.clear();
  table.reset();
  poll.now();
});
const poll = new Poll(address, show, showSilence);
const pause = byId<HTMLButtonElement>("pause");

/**
 * The time of the last answer and the page's title after this answer; null before the first answer.
 */
let lastAnswer: { readonly at: Date; readonly title: string } | null = null;

pause.addEventListener("click", () => {
  poll.paused = !poll.paused;
  setText(pause, poll.paused ? "Resume" : "Pause");
  pause.setAttribute("aria-pressed", String(poll.paused));
});

function countChart(id: string, title: string, series: readonly Series[]): Chart {
  return new Chart(byId(id), {
    title,
    series,
    format: formatCount,
    scale: (shown) =>
      linearScale(most(shown.flatMap((one) => series.map(({ value }) => value(one) ?? 0))), 3),
    seconds: SECONDS,
    cursor,
  });
}

/**
 * The URL of the next status request. The request asks only for the part of the history that the
 * page does not have yet.
 */
function address(): string {
  const relay = choice.name;
  const query = new URLSearchParams({
    ...table.query,
    ...(relay !== null && { relay }),
    // The overview of all relays shows no list of connections.
    ...(relay === null && isOverviewShown() && { limit: "0" }),
    history: String(samples.wanted),
  });
  return `/status?${query.toString()}`;
}

function isOverviewShown(): boolean {
  return document.documentElement.dataset["view"] === "all";
}

function show(status: StatusDocument): void {
  const { all, relays } = status;
  // Ignore an answer about another relay: the reader has chosen a different relay since the
  // request.
  if (choice.name !== null && choice.name !== status.relay) return;
  const isOverview = all !== null && choice.name === null;
  document.documentElement.classList.remove("stale");
  document.documentElement.dataset["view"] = isOverview ? "all" : "one";
  choice.show(relays);
  samples.add(
    [status.pid, status.started_at, isOverview ? "" : status.relay].join(" "),
    isOverview ? all.history : status.history,
  );
  const title = isOverview ? showAllState(status) : showRelayState(status);
  lastAnswer = { at: new Date(), title };
  document.title = title;
  showTiles(isOverview ? figuresOfAll(status) : figuresOfRelay(status), samples);
  for (const chart of charts) chart.show(samples.list, status.uptime_seconds);
  failures.show(isOverview ? all.failures : status.failures);
  if (isOverview) overview.show(relays);
  else {
    table.show(status);
    endings.show(status.connections.closed);
    options.show(status.options);
  }
  showProcess(status, isOverview);
}

/**
 * Shows that a request has failed: the reason, and the time of the last answer. The old figures
 * stay.
 */
function showSilence({ reason, status }: PollFailure): void {
  // The chosen relay may no longer exist, because the configuration file may have changed.
  if (status === BAD_REQUEST && choice.name !== null) {
    choice.choose(null);
    return;
  }
  document.documentElement.classList.add("stale");
  showState("No answer", "bad");
  const since = lastAnswer === null ? "so far" : `since ${clock(lastAnswer.at)}`;
  document.title = `No answer ${since}${lastAnswer === null ? "" : ` · ${lastAnswer.title}`}`;
  const old = lastAnswer === null ? "" : " The figures below are from then.";
  showBanner(`No answer ${since}: ${reason}.${old}`);
}

const BAD_REQUEST = 400;

/**
 * Shows the state of all relays together.
 *
 * @returns the title of the page
 */
function showAllState({ program, version, relays }: StatusDocument): string {
  showProgram(program, version, `${relays.length} relays`);
  const notReady = relays.filter(({ ready }) => !ready).length;
  const open = relays.reduce((sum, relay) => sum + relay.open, 0);
  showBanner(
    relays
      .filter(({ capture_ended: reason }) => reason !== null)
      .map(({ name, capture_ended: reason }) => `The capture of ${name} has ended: ${reason}`)
      .join(". "),
  );
  if (notReady === 0) showState("All ready", "good");
  else showState(`${notReady} of ${relays.length} not ready`, "bad");
  const count = `${formatCount(open)} open · ${relays.length} relays`;
  return notReady === 0 ? count : `${notReady} not ready · ${count}`;
}

/**
 * Shows the state of one relay.
 *
 * @returns the title of the page
 */
function showRelayState(status: StatusDocument): string {
  const { program, version, source, destination, state, not_ready_because: reason } = status;
  showProgram(program, version, `${source ?? "not listening"} → ${destination}`);
  if (state === "draining") showState("Draining", "warn");
  else if (state !== "listening") showState(state === "stopped" ? "Stopped" : "Starting", "warn");
  else if (reason !== null) showState("Not ready", "bad");
  else showState("Ready", "good");
  const { capture_ended: captureEnded } = status;
  showBanner(
    [
      ...(state === "listening" && reason !== null ? [`Not ready: ${lasting(reason)}`] : []),
      ...(captureEnded === null ? [] : [`The capture has ended: ${captureEnded}`]),
    ].join(". "),
  );
  const name = status.relays.length > 1 ? status.relay : (source ?? program);
  const count = `${formatCount(status.connections.open)} open · ${name}`;
  return state === "listening" && reason !== null ? `Not ready · ${count}` : count;
}

/**
 * Removes a beginning such as "12 s ago: " from a reason. The number in it changes each second, so
 * a screen reader would announce the reason again each second.
 */
function lasting(reason: string): string {
  return reason.replace(/^\d+ s ago: /, "");
}

function showProgram(program: string, version: string, route: string): void {
  setText(byId("program"), program);
  setText(byId("version"), version);
  setText(byId("route"), route);
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

function showProcess(status: StatusDocument, isOverview: boolean): void {
  const { process: figures, uptime_seconds: uptime } = status;
  const { pauses_up: up, pauses_down: down } =
    isOverview && status.all !== null ? status.all.traffic : status.traffic;
  processFacts.show({
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

function most(values: readonly number[]): number {
  return Math.max(0, ...values);
}
