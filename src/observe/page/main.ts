import type { StatusDocument } from "../admin/status-format.ts";
import { byId, setText } from "./dom.ts";
import { FailureTable } from "./failure-table.ts";
import { CountList, FactList } from "./count-and-fact-lists.ts";
import { OpenConnections } from "./connection-tables.ts";
import { Overview } from "./overview.ts";
import { pageCharts, SECONDS } from "./page-charts.ts";
import { Poll, type PollFailure } from "./poll.ts";
import { showProcess } from "./process-facts.ts";
import { ChosenRelay } from "./chosen-relay.ts";
import { RecentSamples } from "./recent-samples.ts";
import { type LastAnswer, showAllState, showNoAnswer, showRelayState } from "./state-and-banner.ts";
import { figuresOfAll, figuresOfRelay, showTiles } from "./tiles.ts";

const samples = new RecentSamples(SECONDS);
const charts = pageCharts();
const failures = new FailureTable();
const endings = new CountList("endings");
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

/** Null before the first answer. */
let lastAnswer: LastAnswer | null = null;

pause.addEventListener("click", () => {
  poll.paused = !poll.paused;
  setText(pause, poll.paused ? "Resume" : "Pause");
  pause.setAttribute("aria-pressed", String(poll.paused));
});

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

/** Handles a request that has failed. */
function showSilence({ reason, status }: PollFailure): void {
  // The chosen relay may no longer exist, because the configuration file may have changed.
  if (status === BAD_REQUEST && choice.name !== null) {
    choice.choose(null);
    return;
  }
  showNoAnswer(reason, lastAnswer);
}

const BAD_REQUEST = 400;
