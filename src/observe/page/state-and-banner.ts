import type { StatusDocument } from "../admin/status-format.ts";
import { formatCount } from "../figures/print-figures.ts";
import { clock } from "./clock.ts";
import { byId, setText } from "./dom.ts";

/**
 * Shows the state of all relays together.
 *
 * @returns the title of the page
 */
export function showAllState({ program, version, relays }: StatusDocument): string {
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
export function showRelayState(status: StatusDocument): string {
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

/** The last answer that the page has shown. */
export interface LastAnswer {
  readonly at: Date;
  /** The page's title after this answer. */
  readonly title: string;
}

/**
 * Shows that the relay does not answer: the reason, and the time of the last answer. The old
 * figures stay.
 *
 * @param last - the last answer; null if there was none
 */
export function showNoAnswer(reason: string, last: LastAnswer | null): void {
  document.documentElement.classList.add("stale");
  showState("No answer", "bad");
  const since = last === null ? "so far" : `since ${clock(last.at)}`;
  document.title = `No answer ${since}${last === null ? "" : ` · ${last.title}`}`;
  const old = last === null ? "" : " The figures below are from then.";
  showBanner(`No answer ${since}: ${reason}.${old}`);
}

/**
 * Removes a beginning such as "12 s ago: " from a reason. This beginning changes each second, so a
 * screen reader would announce the reason again each second.
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
