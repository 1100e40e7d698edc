import type { SocketEndpoint } from "../../address/address.ts";
import { quote } from "../../address/quote-word.ts";
import { SORTS } from "../../observe/figures/open-connections.ts";
import { escapeControls } from "../../observe/log/escape-controls.ts";
import { mayPaint, style } from "../../observe/log/terminal-style.ts";
import { PROGRAM } from "../../program/version.ts";
import { parseAdminAddress } from "../../options/admin-address.ts";
import { readValues } from "../line/typed-option-values.ts";
import type { CommandLine } from "../line/parse-command-line.ts";
import { type ConnectionsQuery, type Fetched, fetchStatus, NoAnswer } from "./fetch-status.ts";
import type { ReadStatus } from "./check-status-answer.ts";
import { UsageError } from "../line/usage-error.ts";
import { InvalidValue } from "../../options/invalid-value-error.ts";
import { LiveScreen } from "./live-screen.ts";
import { complain, writeAnswer } from "../line/write-output.ts";
import { stopRequests } from "../../process/stop-signals.ts";
import { drawRelays } from "./draw-status-of-all-relays.ts";
import { drawStatus, tableRoom } from "./draw-status-of-one-relay.ts";
import { plainStatus } from "./plain-status.ts";
import type { DrawSettings } from "./drawing-settings.ts";
import { terminalSize } from "./terminal-size.ts";
import { cutTo } from "./cut-to-terminal-width.ts";

const PERIOD_MS = 1_000;
// The length of the history, in seconds. The history has one column for each second, and a wide
// terminal has about 200 columns.
const HISTORY_S = 200;
// The number of connections that are listed in JSON, and on a terminal without `--watch`.
const LIST = 20;
// The number of connections that are listed in lines for programs such as awk (`plainStatus`): the
// most that one answer of a relay lists.
const RECORDS = 1_000;

/** Shows the status of a relay that runs with `--admin`. */
export async function runStatus({ given, args }: CommandLine): Promise<number> {
  const { watch, json, sort, check, wait, relay } = readValues("status", given);
  const endpoint = readEndpoint(args[0] ?? "");
  if (watch && !json && !process.stdout.isTTY)
    throw new UsageError("--watch needs a terminal; add --json to print one line a second");
  if (watch && (check || wait !== undefined))
    throw new UsageError("--watch never ends, but --check and --wait do: leave one out");
  try {
    const shown = { sort, ...(relay !== undefined && { relay }) };
    if (wait !== undefined) await waitUntilReady(endpoint, wait, relay);
    if (check) return await printReady(endpoint, relay, json);
    if (watch && json) return await stream(endpoint, shown);
    if (watch) return await show(endpoint, shown);
    return await print(endpoint, shown, json);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    // With --check and --json the answer is always JSON on standard output, even if the relay is
    // not ready or does not answer.
    if (check && json) await printReadyJson(error.message);
    else await complain(`${PROGRAM}: ${error.message}\n`);
    return 1;
  }
}

/**
 * The part of the query that the user chooses: the name of one relay (absent for all relays), and
 * the order of the connections.
 */
type Shown = Pick<ConnectionsQuery, "sort" | "relay">;

/** The smallest query: no connections and no history. */
const BRIEF: ConnectionsQuery = { sort: "age", limit: 0, history: 0 };

// The pause between two requests of `--wait`, in milliseconds.
const RETRY_MS = 100;

// The time, in milliseconds, by which a timer may end a request early.
const TIMER_ERROR_MS = 10;

/**
 * Waits until the relay with the name `relay` is ready. If `relay` is undefined, waits until all
 * relays of the process are ready.
 *
 * @throws {NoAnswer} if the relays are not ready within `limit` milliseconds; the message says why
 */
async function waitUntilReady(
  endpoint: SocketEndpoint,
  limit: number,
  relay: string | undefined,
): Promise<void> {
  const until = performance.now() + limit;
  let before: string | undefined;
  for (;;) {
    const left = Math.max(1, Math.ceil(until - performance.now()));
    const status = await tryTo(() => fetchStatus(endpoint, BRIEF, left));
    const reason = typeof status === "string" ? status : notReady(status.status, relay);
    if (reason === null) return;
    const rest = until - performance.now();
    // If the time ended during this request, perhaps only the time was too short for an answer. So
    // give the reason of the request before, if there was one.
    if (rest < TIMER_ERROR_MS) throw new NoAnswer(before ?? reason);
    if (rest < RETRY_MS) throw new NoAnswer(reason);
    before = reason;
    await Bun.sleep(RETRY_MS);
  }
}

/**
 * Prints `ready` if the relay named `relay` is ready for clients. If `relay` is undefined, all
 * relays of the process must be ready.
 *
 * @throws {NoAnswer} with the reason if a relay is not ready
 */
async function printReady(
  endpoint: SocketEndpoint,
  relay: string | undefined,
  json: boolean,
): Promise<number> {
  const { status } = await fetchStatus(endpoint, BRIEF);
  const reason = notReady(status, relay);
  if (reason !== null) throw new NoAnswer(reason);
  return json ? await printReadyJson(null) : await writeAnswer("ready\n");
}

/** Prints one line of JSON: whether the relays are ready, and the reason if they are not. */
function printReadyJson(reason: string | null): Promise<number> {
  const answer = { ready: reason === null, not_ready_because: reason };
  return writeAnswer(`${JSON.stringify(answer)}\n`);
}

/**
 * The reason why relays are not ready for clients; null if they are ready. `wanted` is the name of
 * the relay to look at; undefined for all relays.
 */
function notReady(
  { ready, not_ready_because: reason, relays }: ReadStatus,
  wanted: string | undefined,
): string | null {
  const without = "the relay gives no reason";
  if (wanted !== undefined) {
    const relay = relays.find(({ name }) => name === wanted);
    if (relay === undefined) return `there is no relay ${quote(wanted)}`;
    return relay.ready ? null : `not ready: ${relay.not_ready_because ?? without}`;
  }
  if (relays.length < 2) return ready ? null : `not ready: ${reason ?? without}`;
  const reasons = relays
    .filter((relay) => !relay.ready)
    .map((relay) => `${relay.name}: ${relay.not_ready_because ?? without}`);
  return reasons.length === 0 ? null : `not ready: ${reasons.join("; ")}`;
}

/**
 * Asks for the status that the user wants to see. If the process has several relays and the query
 * names no relay, the status lists the connections of all relays.
 *
 * @throws {NoAnswer}
 */
async function fetchShown(endpoint: SocketEndpoint, query: ConnectionsQuery): Promise<Fetched> {
  const fetched = await fetchStatus(endpoint, query);
  if (query.relay !== undefined || fetched.status.relays.length < 2) return fetched;
  return await fetchStatus(endpoint, { ...query, list: "all" });
}

function draw(status: ReadStatus, view: DrawSettings): string[] {
  return status.open.of === "all" ? drawRelays(status, view) : drawStatus(status, view);
}

async function print(endpoint: SocketEndpoint, shown: Shown, json: boolean): Promise<number> {
  const { isTTY } = process.stdout;
  if (!isTTY && !json) {
    const { status } = await fetchShown(endpoint, { ...shown, limit: RECORDS, history: 0 });
    return await writeAnswer(`${plainStatus(status).join("\n")}\n`);
  }
  const query = { ...shown, limit: LIST, history: HISTORY_S };
  const { status, received } = await fetchShown(endpoint, query);
  const { columns } = terminalSize(process.stdout);
  const text = json ? printJson(received, 2) : draw(status, { columns, style: look() }).join("\n");
  return await writeAnswer(`${text}\n`);
}

/** Prints one status a second, each on its own line, until a signal asks to stop. */
async function stream(endpoint: SocketEndpoint, shown: Shown): Promise<number> {
  using requests = stopRequests();
  const asked = requests.asked.then(() => true);
  for (;;) {
    const { received } = await fetchShown(endpoint, { ...shown, limit: LIST, history: 0 });
    if ((await writeAnswer(`${printJson(received)}\n`)) !== 0) return 1;
    if (await Promise.race([asked, Bun.sleep(PERIOD_MS).then(() => false)])) return 0;
  }
}

/** Draws the status in place once a second, until a signal or a key asks to stop. */
async function show(endpoint: SocketEndpoint, shown: Shown): Promise<number> {
  using requests = stopRequests();
  const quit = Promise.withResolvers<void>();
  let { sort } = shown;
  let news = Promise.withResolvers<void>();
  const redraw = () => {
    news.resolve();
    news = Promise.withResolvers();
  };
  using screen = new LiveScreen(process.stdout, quit.resolve, (key) => {
    if (key === "s") sort = SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length] ?? sort;
    redraw();
  });
  process.stdout.on("resize", redraw);
  let before: ReadStatus | undefined;
  let isOver = false;
  void Promise.race([requests.asked, quit.promise]).then(() => {
    isOver = true;
    redraw();
  });
  while (!isOver) {
    const { columns, rows } = terminalSize(process.stdout);
    const query = { ...shown, sort, limit: tableRoom(rows), history: HISTORY_S };
    const fetched = await tryTo(() => fetchShown(endpoint, query));
    const status = typeof fetched === "string" ? fetched : fetched.status;
    const painted = look();
    const lines =
      typeof status === "string"
        ? [painted.red(cutTo(status, columns))]
        : draw(status, {
            columns,
            rows: rows - 1,
            style: painted,
            ...(before && { before }),
          });
    const keys = `q: quit, s: change the sort order (now ${sort})`;
    screen.draw([...lines, painted.dim(cutTo(keys, columns))]);
    if (typeof status !== "string") before = status;
    if (!isOver) await Promise.race([news.promise, Bun.sleep(PERIOD_MS)]);
  }
  process.stdout.off("resize", redraw);
  return 0;
}

/**
 * The answer of `ask`, or the reason why there is no answer. The caller may ask again, because the
 * relay may be restarting.
 */
async function tryTo(ask: () => Promise<Fetched>): Promise<Fetched | string> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof NoAnswer) return error.message;
    throw error;
  }
}

/**
 * Writes JSON that is safe to print on a terminal. JSON.stringify does not escape C1 control
 * characters, so this function escapes them.
 */
function printJson(received: unknown, indent = 0): string {
  return JSON.stringify(received, null, indent).split("\n").map(escapeControls).join("\n");
}

function look() {
  return style(mayPaint(1));
}

function readEndpoint(text: string): SocketEndpoint {
  try {
    return parseAdminAddress(text, "to ask");
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    throw new UsageError(`ADMIN-ADDRESS ${error.message}`, { cause: error });
  }
}
