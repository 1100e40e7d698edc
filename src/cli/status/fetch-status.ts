import { get } from "node:http";
import type { IncomingMessage } from "node:http";
import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import type { StatusQuery } from "../../observe/admin/build-status.ts";
import type { StatusDocument } from "../../observe/admin/status-document.ts";
import { errnoWords, errorCode } from "../../os/errno.ts";
import { PROGRAM } from "../../version.ts";

const PATIENCE_MS = 5_000;

/** There is no answer at an admin address; the message is one line that says why. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/**
 * Asks a relay for its status.
 *
 * `node:http` and not `fetch`, which would send the question to the proxy that `http_proxy` names.
 *
 * @throws {NoAnswer} where nobody answers, or somebody else than a relay
 */
export async function fetchStatus(
  endpoint: SocketEndpoint,
  query: StatusQuery,
): Promise<StatusDocument> {
  const address = printAddress(endpoint);
  const { sort, limit, history } = query;
  const { status, text } = await ask(
    endpoint,
    `/status?sort=${sort}&limit=${limit}&history=${history}`,
  ).catch((error: unknown) => {
    // Node's names for what is no HTTP.
    if (errorCode(error).startsWith("HPE_")) return { status: 0, text: "" };
    throw new NoAnswer(`cannot ask ${address}: ${reasonOf(error)}`, { cause: error });
  });
  if (status === 200) {
    const answer = parse(text);
    if (isStatus(answer)) return answer;
  }
  throw new NoAnswer(`${address} does not answer as a relay's --admin address would`);
}

function ask(endpoint: SocketEndpoint, path: string): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const request = get(
    {
      ...where(endpoint),
      path,
      agent: false,
      headers: { host: "localhost" },
      signal: AbortSignal.timeout(PATIENCE_MS),
    },
    (response) => {
      read(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    },
  );
  request.once("error", reject);
  return promise;
}

async function read(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response) text += String(chunk);
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

function reasonOf(error: unknown): string {
  const code = errorCode(error);
  if (code === "ABORT_ERR") return `no answer within ${PATIENCE_MS / 1_000} s`;
  const words = errnoWords(code);
  if (code === "ECONNREFUSED" || code === "ENOENT")
    return `${words} (${code}); is it a running relay's --admin address?`;
  return words === code ? code : `${words} (${code})`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON is no status either.
    return null;
  }
}

function isStatus(answer: unknown): answer is StatusDocument {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "program" in answer &&
    answer.program === PROGRAM &&
    "open" in answer &&
    "history" in answer
  );
}
