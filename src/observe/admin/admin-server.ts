import { type Endpoint, printAddress, type SocketEndpoint } from "../../address/address.ts";
import type { HandedSource } from "../../relay/listen/source.ts";
import type { Observer } from "../../relay/observer.ts";
import { readRequest, RequestError, type RequestRules } from "./admin-request.ts";
import { type AdminPermissions, bindAdmin } from "./bind-admin.ts";
import { BoundedHttpServer, type HttpAnswer, type HttpRequest } from "./bounded-http-server.ts";
import { EventLoopDelay } from "../figures/event-loop-delay.ts";
import { RateHistory } from "../figures/rate-history.ts";
import type { Log } from "../log/log.ts";
import { PrometheusMetrics } from "../figures/prometheus-metrics.ts";
import { page } from "./served-page.ts";
import { RelayStatistics } from "../figures/relay-statistics.ts";
import { QueryError, readQuery, statusDocument, type StatusSources } from "./build-status.ts";

/** What the admin address tells of, beside what it sees of the relay. */
export interface AdminOptions {
  readonly destination: Endpoint;
  /** Options as on a command line. */
  readonly options: Readonly<Record<string, string>>;
  /** Connections that may be open at once. */
  readonly connectionsMax: number;
  readonly log: Log;
  /** Of the file of a Unix socket. */
  readonly permissions: AdminPermissions;
}

/** The admin address, answering. */
export interface Admin extends Disposable {
  /** Where it is, with the port that the system chose where 0 was asked. */
  readonly endpoint: SocketEndpoint;
  /** To be given to the relay. */
  readonly observers: readonly Partial<Observer>[];
  /** Answers clients. On a socket that another process handed over nobody is answered before. */
  accept(): void;
  /** What another process needs to answer there; the descriptors stay this one's. */
  handOn(): HandedSource;
  /**
   * Answers no further clients and leaves the address, its file included, to the process that now has
   * it; the file is removed if `isGivenUp`. Settles when the last client has got its answer.
   */
  leave(options: { readonly isGivenUp: boolean }): Promise<void>;
}

/**
 * Answers questions about the relay whose observers it gives, until disposed.
 *
 * @param address - or the sockets of another process that listen there
 * @throws {RelayError} where the address cannot be listened on.
 */
export async function openAdmin(
  address: SocketEndpoint | HandedSource,
  options: AdminOptions,
): Promise<Admin> {
  const { log } = options;
  const statistics = new RelayStatistics();
  const history = new RateHistory(statistics);
  const sources: StatusSources = {
    ...options,
    statistics,
    history,
    destination: printAddress(options.destination),
    logLinesLost: () => log.linesLost(),
  };
  const metrics = new PrometheusMetrics(sources);
  const server = new BoundedHttpServer((request) => answer(request, sources, metrics, log));
  const bound = await server.listen(
    (handlers) => bindAdmin(address, handlers, options.permissions),
    address.kind === "handed",
  );
  const heartbeat = new EventLoopDelay(
    (seconds) => {
      metrics.late(seconds);
      history.late(seconds);
    },
    () => history.sample(),
  );
  let accepts = address.kind !== "handed";
  let hasLeft = false;
  return {
    endpoint: bound.endpoint,
    observers: [statistics.observer, metrics.observer],
    accept() {
      accepts = true;
      server.accept();
    },
    handOn: bound.handOn,
    async leave({ isGivenUp }) {
      hasLeft = true;
      heartbeat[Symbol.dispose]();
      if (isGivenUp) bound.hide();
      await server.drain();
    },
    [Symbol.dispose]() {
      if (hasLeft) return;
      heartbeat[Symbol.dispose]();
      // The file of a socket that was handed over is the other process' own until it is accepted from.
      if (accepts) bound.hide();
      server[Symbol.dispose]();
    },
  };
}

/** Asks the routes for an answer; an unexpected error becomes a line of the log and status 500. */
async function answer(
  request: HttpRequest,
  sources: StatusSources,
  metrics: PrometheusMetrics,
  log: Log,
): Promise<HttpAnswer> {
  try {
    const { path, parameters } = readRequest(request, RULES);
    return await ANSWERS[path](parameters, sources, metrics);
  } catch (error) {
    if (error instanceof RequestError)
      return textAnswer(error.status, error.message, error.headers);
    if (error instanceof QueryError) return textAnswer(400, error.message);
    const reason = error instanceof Error ? error.message : String(error);
    log.error(`unexpected, when asked at the admin address: ${reason}`, { event: "fault" });
    return textAnswer(500, "something went wrong here; the log says what");
  }
}

/** What can be asked of the admin address. */
const PATHS = ["/", "/status", "/metrics", "/healthz", "/readyz"] as const;
type AdminPath = (typeof PATHS)[number];

const RULES: RequestRules<AdminPath> = { paths: PATHS, loopbackOnly: true };

const ANSWERS: Readonly<
  Record<
    AdminPath,
    (
      parameters: URLSearchParams,
      sources: StatusSources,
      metrics: PrometheusMetrics,
    ) => HttpAnswer | Promise<HttpAnswer>
  >
> = {
  "/": () => respond(200, page.html, "text/html; charset=utf-8", { ...page.headers }),
  "/status": (parameters, sources) =>
    respond(
      200,
      `${JSON.stringify(statusDocument(sources, readQuery(parameters)))}\n`,
      "application/json",
    ),
  "/metrics": async (_parameters, _sources, metrics) =>
    respond(200, await metrics.expose(), metrics.contentType),
  "/healthz": () => textAnswer(200, "ok"),
  "/readyz": (_parameters, { statistics }) => {
    const reason = statistics.notReadyBecause;
    return reason === null ? textAnswer(200, "ready") : textAnswer(503, `not ready: ${reason}`);
  },
};

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
