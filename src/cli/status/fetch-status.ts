import { get } from "node:http";
import type { IncomingMessage } from "node:http";
import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import type { StatusQuery } from "../../observe/admin/status-query.ts";
import { escapeControls } from "../../observe/log/escape-controls.ts";
import { errnoWords, errorCode } from "../../os/errno.ts";
import { NoStatus, checkStatusAnswer, type ReadStatus } from "./check-status-answer.ts";

// The maximum time that a request takes, in milliseconds.
const PATIENCE_MS = 5_000;

// The maximum length of an answer, in characters. A status with 1,000 connections and 300 samples
// takes 0.3 MB.
const ANSWER_MOST = 16 * 1024 * 1024;

/** An answer of a relay. */
export interface Fetched {
  /** The parts of the answer that this release knows, with checked types. */
  readonly status: ReadStatus;
  /** The whole JSON of the answer. */
  readonly received: unknown;
}

/**
 * The error of the status command if the address gave no usable answer or the relay is not ready.
 * The message is one line with the reason.
 */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/**
 * A query whose answer lists individual connections. It does not ask for groups of connections,
 * because only the status page shows groups.
 */
export type ConnectionsQuery = Extract<StatusQuery, { readonly group?: undefined }>;

/**
 * Asks a relay for its status.
 *
 * Uses `node:http`, because `fetch` would send the request to the proxy in `http_proxy`.
 *
 * @param limit - the time, in milliseconds, after which the request is given up; at most
 *   `PATIENCE_MS`
 * @throws {NoAnswer} if no process answers, if the process that answers is not a relay, or if the
 *   process has no relay with the name `query.relay`
 */
export async function fetchStatus(
  endpoint: SocketEndpoint,
  query: ConnectionsQuery,
  limit = PATIENCE_MS,
): Promise<Fetched> {
  const address = printAddress(endpoint);
  const patience = Math.min(PATIENCE_MS, limit);
  const { status, text } = await ask(endpoint, pathOf(query), patience).catch((error: unknown) => {
    // A code that begins with HPE_ means that the answer is not HTTP. Return status 0, which is not
    // 200, so that the check below reports that the process is not a relay.
    if (errorCode(error).startsWith("HPE_")) return { status: 0, text: "" };
    throw new NoAnswer(`cannot ask ${address}: ${reasonOf(error, patience)}`, { cause: error });
  });
  if (status === 400 && NO_RELAY.test(text)) throw new NoAnswer(escapeControls(text.trimEnd()));
  const foreign = `${address} does not answer as a relay's --admin address would`;
  if (status !== 200) throw new NoAnswer(`${foreign}${HINT}`);
  try {
    const received: unknown = JSON.parse(text);
    return { status: checkStatusAnswer(received), received };
  } catch (error) {
    if (error instanceof NoStatus)
      throw new NoAnswer(`${foreign}: ${error.message}${HINT}`, { cause: error });
    if (error instanceof SyntaxError) throw new NoAnswer(`${foreign}${HINT}`, { cause: error });
    throw error;
  }
}

// The beginning of an admin server's answer to `?relay=NAME` if no relay has that name.
const NO_RELAY = /^there is no relay "/;

const HINT = "; give the address of --admin, not SOURCE, DESTINATION or --metrics";

function pathOf({ sort, limit, history, list, relay }: ConnectionsQuery): string {
  const parameters = new URLSearchParams({
    sort,
    limit: String(limit),
    history: String(history),
    ...(list !== undefined && { list }),
    ...(relay !== undefined && { relay }),
  });
  return `/status?${parameters.toString()}`;
}

function ask(
  endpoint: SocketEndpoint,
  path: string,
  patience: number,
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const request = get(
    {
      ...where(endpoint),
      path,
      agent: false,
      headers: { host: "localhost" },
      signal: AbortSignal.timeout(patience),
    },
    (response) => {
      read(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    },
  );
  request.once("error", reject);
  // After the answer 101 the connection is no longer HTTP. Without this listener, node:http emits
  // no other event, even if the signal aborts the request.
  request.once("upgrade", ({ statusCode = 0 }, socket) => {
    socket.destroy();
    resolve({ status: statusCode, text: "" });
  });
  return promise;
}

async function read(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > ANSWER_MOST) throw new Error("the answer is endless");
  }
  return text;
}

function where(endpoint: SocketEndpoint) {
  switch (endpoint.kind) {
    case "tcp":
      return { host: endpoint.host, port: endpoint.port };
    case "unix":
      return { socketPath: endpoint.path };
    case "abstract":
      return { socketPath: `\0${endpoint.name}` };
  }
}

function reasonOf(error: unknown, patience: number): string {
  const code = errorCode(error);
  if (code === "ABORT_ERR") return `no answer within ${patience / 1_000} s${HINT}`;
  const words = errnoWords(code);
  if (code === "ECONNREFUSED" || code === "ENOENT")
    return `${words} (${code}); is it a running relay's --admin address?`;
  // The user may have given a relay's SOURCE instead of its admin address. In this case the request
  // went to the destination, which may reset the connection because it does not expect HTTP.
  const hint = code === "ECONNRESET" ? HINT : "";
  return `${words === code ? code : `${words} (${code})`}${hint}`;
}
