import type { Observation, ObservedRelay } from "../figures/observe-process.ts";
import { readRequest, RequestError } from "./check-request.ts";
import type { HttpAnswer, HttpRequest } from "./http-request-and-answer.ts";
import { statusDocument } from "./build-status.ts";
import { QueryError, readQuery } from "./status-query.ts";
import { page } from "./served-page.ts";

/**
 * The requests that an admin or metrics server answers: the paths, and whether the request's host
 * must be a loopback host.
 */
export interface Routes {
  readonly paths: readonly Path[];
  /** Whether the request's host must be a loopback name or address: see `RequestRules`. */
  readonly loopbackOnly: boolean;
}

/** The routes of `--admin`. */
export const ADMIN_ROUTES: Routes = {
  paths: ["/", "/status", "/metrics", "/healthz", "/readyz"],
  loopbackOnly: true,
};

/**
 * The routes of `--metrics`. Their answers do not show which clients are connected, so any host is
 * allowed.
 */
export const METRICS_ROUTES: Routes = {
  paths: ["/metrics", "/healthz", "/readyz"],
  loopbackOnly: false,
};

/**
 * Answers a request: with the page, or with the status, the metrics, the health or the readiness of
 * the process. A request that breaks the rules is answered with the HTTP status and the message of
 * the error that `readRequest` or `readQuery` throws.
 *
 * @param fault - called with an unexpected error; the client gets status 500
 */
export async function answer(
  request: HttpRequest,
  routes: Routes,
  observation: Observation,
  fault: (error: unknown) => void,
): Promise<HttpAnswer> {
  try {
    const { path, parameters } = readRequest(request, routes);
    return await ANSWERS[path](observation, parameters);
  } catch (error) {
    if (error instanceof RequestError)
      return textAnswer(error.status, error.message, error.headers);
    if (error instanceof QueryError) return textAnswer(400, error.message);
    fault(error);
    return textAnswer(500, "something went wrong here; the log says what");
  }
}

type Answer = (
  observation: Observation,
  parameters: URLSearchParams,
) => HttpAnswer | Promise<HttpAnswer>;

const ANSWERS = {
  "/": () => respond(200, page.html, "text/html; charset=utf-8", { ...page.headers }),
  "/status": (observation, parameters) => {
    observation.process.look();
    const query = readQuery(parameters);
    const status = statusDocument(observation, chosenRelay(observation, query.relay), query);
    return respond(200, `${JSON.stringify(status)}\n`, "application/json");
  },
  "/metrics": async ({ process, metrics }) => {
    process.look();
    return respond(200, await metrics.expose(), metrics.contentType);
  },
  "/healthz": () => textAnswer(200, "ok"),
  "/readyz": (observation) => {
    observation.process.look();
    const { notReadyBecause: reason } = observation;
    return reason === null ? textAnswer(200, "ready") : textAnswer(503, `not ready: ${reason}`);
  },
} as const satisfies Record<string, Answer>;

type Path = keyof typeof ANSWERS;

function chosenRelay({ relays }: Observation, name: string | undefined): ObservedRelay {
  const [first] = relays;
  if (first === undefined) throw new QueryError("no relay has started yet");
  if (name === undefined) return first;
  const relay = relays.find((each) => each.name === name);
  if (relay === undefined)
    throw new QueryError(
      `there is no relay ${JSON.stringify(name)}; there are ${relays.map((each) => each.name).join(", ")}`,
    );
  return relay;
}

function textAnswer(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  return respond(status, `${text}\n`, "text/plain; charset=utf-8", headers);
}

function respond(
  status: number,
  body: string,
  type: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  return {
    status,
    body,
    headers: {
      "content-type": type,
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  };
}
