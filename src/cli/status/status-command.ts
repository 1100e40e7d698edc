import type { SocketEndpoint } from "../../address/address.ts";
import { type Sort, SORTS } from "../../observe/figures/open-connections.ts";
import type { StatusQuery } from "../../observe/admin/build-status.ts";
import { escapeControls } from "../../observe/log/escape-controls.ts";
import { mayPaint, style } from "../../observe/log/terminal-style.ts";
import { PROGRAM } from "../../version.ts";
import { parseAdminAddress } from "../../options/admin-address.ts";
import { readValues } from "../line/option-values.ts";
import type { CommandLine } from "../line/read-command-line.ts";
import { fetchStatus, NoAnswer } from "./fetch-status.ts";
import type { ReadStatus } from "./read-status.ts";
import { UsageError } from "../line/usage-error.ts";
import { InvalidValue } from "../../options/invalid-value.ts";
import { LiveScreen } from "./live-screen.ts";
import { complain, writeAll } from "../line/write-output.ts";
import { stopRequests } from "../../process/stop-signals.ts";
import { drawStatus, plainStatus, tableRoom } from "./draw-status.ts";
import { cutTo } from "./fit-columns.ts";

const PERIOD_MS = 1_000;
// Seconds of history. A wide terminal has about this many columns, one for each second.
const HISTORY_S = 200;
const LIST = 20;

/** Shows the status of a relay that runs with `--admin`. */
export async function runStatus({ given, words }: CommandLine): Promise<number> {
  const { watch, json, sort, check, wait } = readValues("status", given);
  const endpoint = readEndpoint(words[0] ?? "");
  if (watch && !json && !process.stdout.isTTY)
    throw new UsageError("--watch needs a terminal; add --json to print one line a second");
  if (watch && (check || wait !== undefined))
    throw new UsageError("--watch never ends, but --check and --wait do: leave one out");
  try {
    if (wait !== undefined) await waitUntilReady(endpoint, wait);
    if (check) return await printReady(endpoint);
    if (watch && json) return await stream(endpoint, sort);
    if (watch) return await show(endpoint, sort);
    return await print(endpoint, sort, json);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    await complain(`${PROGRAM}: ${error.message}\n`);
    return 1;
  }
}

/** The smallest query: no connections and no history. */
const BRIEF: StatusQuery = { sort: "age", limit: 0, history: 0 };

// The pause between two requests of `--wait`, in milliseconds.
const RETRY_MS = 100;

/**
 * Settles once the relays are ready.
 *
 * @throws {NoAnswer} if the relays are not ready within `limit` milliseconds; the message says why
 */
async function waitUntilReady(endpoint: SocketEndpoint, limit: number): Promise<void> {
  const until = performance.now() + limit;
  for (;;) {
    const reason = await tryToAsk(endpoint, BRIEF).then((status) =>
      typeof status === "string" ? status : notReady(status),
    );
    if (reason === null) return;
    if (performance.now() + RETRY_MS > until) throw new NoAnswer(reason);
    await Bun.sleep(RETRY_MS);
  }
}

/**
 * Prints `ready` if the relays are ready for clients. Throws `NoAnswer` with the reason if they are
 * not.
 */
async function printReady(endpoint: SocketEndpoint): Promise<number> {
  const { status } = await fetchStatus(endpoint, BRIEF);
  const reason = notReady(status);
  if (reason !== null) throw new NoAnswer(reason);
  return await writeAll(1, "ready\n");
}

/** Why the relays are not ready for clients; null if they are ready. */
function notReady({ ready, not_ready_because: reason, relays }: ReadStatus): string | null {
  const unready = relays.filter((relay) => !relay.ready).map(({ name }) => name);
  if (relays.length > 1) return unready.length === 0 ? null : `not ready: ${unready.join(", ")}`;
  return ready ? null : `not ready: ${reason ?? "the relay gives no reason"}`;
}

async function print(endpoint: SocketEndpoint, sort: Sort, json: boolean): Promise<number> {
  const query = { sort, limit: LIST, history: HISTORY_S };
  const { status, received } = await fetchStatus(endpoint, query);
  if (json) return await writeAll(1, `${printJson(received, 2)}\n`);
  const { columns } = process.stdout;
  const lines = process.stdout.isTTY
    ? drawStatus(status, { columns, style: look() })
    : plainStatus(status);
  return await writeAll(1, `${lines.join("\n")}\n`);
}

/** Prints one status a second, each on its own line, until a signal asks to stop. */
async function stream(endpoint: SocketEndpoint, sort: Sort): Promise<number> {
  using requests = stopRequests();
  const asked = requests.asked.then(() => true);
  for (;;) {
    const { received } = await fetchStatus(endpoint, { sort, limit: LIST, history: 0 });
    if ((await writeAll(1, `${printJson(received)}\n`)) !== 0) return 1;
    if (await Promise.race([asked, Bun.sleep(PERIOD_MS).then(() => false)])) return 0;
  }
}

/** Draws the status in place once a second, until a signal or a key asks to stop. */
async function show(endpoint: SocketEndpoint, firstSort: Sort): Promise<number> {
  using requests = stopRequests();
  const quit = Promise.withResolvers<void>();
  let sort = firstSort;
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
    const { columns, rows } = process.stdout;
    const query = { sort, limit: tableRoom(rows), history: HISTORY_S };
    const status = await tryToAsk(endpoint, query);
    const painted = look();
    const lines =
      typeof status === "string"
        ? [painted.red(cutTo(status, columns))]
        : drawStatus(status, {
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
 * The status, or the reason why there is none. The caller may ask again: a relay may be restarting.
 */
async function tryToAsk(
  endpoint: SocketEndpoint,
  query: StatusQuery,
): Promise<ReadStatus | string> {
  try {
    const { status } = await fetchStatus(endpoint, query);
    return status;
  } catch (error) {
    if (error instanceof NoAnswer) return error.message;
    throw error;
  }
}

/**
 * JSON that is safe to print. JSON.stringify does not escape C1 control characters, so this
 * function does.
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
