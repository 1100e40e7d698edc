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
import { drawStatus, tableRoom } from "./draw-status.ts";
import { cutTo } from "./fit-columns.ts";

const PERIOD_MS = 1_000;
const HISTORY_S = 60;
const LIST = 20;

// Where standard output is no terminal, nobody counts columns.
const COLUMNS_ELSEWHERE = 120;

/** Shows what a relay with `--admin` is doing. */
export async function runStatus({ given, words }: CommandLine): Promise<number> {
  const { watch, json, sort } = readValues("status", given);
  const endpoint = readEndpoint(words[0] ?? "");
  if (watch && !json && !process.stdout.isTTY)
    throw new UsageError("--watch needs a terminal, or --json for a line a second");
  try {
    if (watch && json) return await stream(endpoint, sort);
    if (watch) return await show(endpoint, sort);
    return await print(endpoint, sort, json);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    await complain(`${PROGRAM}: ${error.message}\n`);
    return 1;
  }
}

async function print(endpoint: SocketEndpoint, sort: Sort, json: boolean): Promise<number> {
  const query = { sort, limit: LIST, history: HISTORY_S };
  const { status, received } = await fetchStatus(endpoint, query);
  if (json) return await writeAll(1, `${printJson(received, 2)}\n`);
  const { columns = COLUMNS_ELSEWHERE } = process.stdout;
  return await writeAll(1, `${drawStatus(status, { columns, style: look() }).join("\n")}\n`);
}

/** One status a second, each on a line of its own, until asked to stop. */
async function stream(endpoint: SocketEndpoint, sort: Sort): Promise<number> {
  using requests = stopRequests();
  const asked = requests.asked.then(() => true);
  for (;;) {
    const { received } = await fetchStatus(endpoint, { sort, limit: LIST, history: 0 });
    if ((await writeAll(1, `${printJson(received)}\n`)) !== 0) return 1;
    if (await Promise.race([asked, Bun.sleep(PERIOD_MS).then(() => false)])) return 0;
  }
}

/** The status in place, a second at a time, until asked to stop. */
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
    const keys = `q quits, s sorts by another figure than ${sort}`;
    screen.draw([...lines, painted.dim(cutTo(keys, columns))]);
    if (typeof status !== "string") before = status;
    if (!isOver) await Promise.race([news.promise, Bun.sleep(PERIOD_MS)]);
  }
  process.stdout.off("resize", redraw);
  return 0;
}

/** The status, or why there is none: a relay that is restarted comes back. */
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

/** JSON without what a terminal would obey; JSON itself lets C1 controls through. */
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
