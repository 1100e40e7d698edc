import { type Endpoint, printAddress, type SocketEndpoint } from "../../address/address.ts";
import { relayError } from "../../relay/error.ts";
import type { Observer } from "../../relay/observer.ts";
import { listenOnPath } from "../../relay/listen/socket-file/listen-on-path.ts";
import { removeFile } from "../../relay/listen/socket-file/placed-file.ts";
import { errorCode } from "../../os/errno.ts";
import { type AdminPath, readRequest, RequestError } from "./admin-request.ts";
import { EventLoopDelay } from "../figures/event-loop-delay.ts";
import { RateHistory } from "../figures/rate-history.ts";
import type { Log } from "../log/log.ts";
import { PrometheusMetrics } from "../figures/prometheus-metrics.ts";
import { page } from "./served-page.ts";
import { RelayStatistics } from "../figures/relay-statistics.ts";
import { QueryError, readQuery, statusDocument, type StatusSources } from "./build-status.ts";

// Who may write to the socket may read all of it: the relay's own user and group.
const SOCKET_MODE = 0o660;

/** What the admin address tells of, beside what it sees of the relay. */
export interface AdminOptions {
  readonly destination: Endpoint;
  /** Options as on a command line. */
  readonly options: Readonly<Record<string, string>>;
  /** Connections that may be open at once. */
  readonly connectionsMax: number;
  readonly log: Log;
}

/** The admin address, answering. */
export interface Admin extends AsyncDisposable {
  /** Where it is, with the port that the system chose where 0 was asked. */
  readonly endpoint: SocketEndpoint;
  /** To be given to the relay. */
  readonly observers: readonly Partial<Observer>[];
}

/**
 * Answers questions about the relay whose observers it gives, until disposed.
 *
 * @throws {RelayError} where the address cannot be listened on.
 */
export async function openAdmin(endpoint: SocketEndpoint, options: AdminOptions): Promise<Admin> {
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
  const bound = await bind(endpoint, (request) => answer(request, sources, metrics), log);
  const heartbeat = new EventLoopDelay(
    (seconds) => {
      metrics.late(seconds);
      history.late(seconds);
    },
    () => history.sample(),
  );
  return {
    endpoint: bound.endpoint,
    observers: [statistics.observer, metrics.observer],
    async [Symbol.asyncDispose]() {
      heartbeat[Symbol.dispose]();
      bound.hide();
      await bound.server.stop(true);
    },
  };
}

interface BoundServer {
  readonly server: Bun.Server<undefined>;
  readonly endpoint: SocketEndpoint;
  /** Takes a Unix socket's file away. */
  readonly hide: () => void;
}

type Answer = (request: Request) => Response | Promise<Response>;

async function bind(endpoint: SocketEndpoint, answer: Answer, log: Log): Promise<BoundServer> {
  const common = {
    development: false,
    fetch: answer,
    error(error: Error) {
      log.error(`unexpected, when asked at the admin address: ${error.message}`, {
        event: "fault",
      });
      return textAnswer(500, "something went wrong here; the log says what");
    },
  };
  const stays = () => {};
  try {
    switch (endpoint.kind) {
      case "tcp": {
        const server = Bun.serve({ ...common, hostname: endpoint.host, port: endpoint.port });
        return { server, endpoint: { ...endpoint, port: server.port ?? 0 }, hide: stays };
      }
      case "abstract":
        return {
          server: Bun.serve({ ...common, unix: `\0${endpoint.name}` }),
          endpoint,
          hide: stays,
        };
      case "unix": {
        const placed = await listenOnPath(endpoint.path, { mode: SOCKET_MODE }, (unix) =>
          Bun.serve({ ...common, unix }),
        );
        return { server: placed.listener, endpoint, hide: () => removeFile(placed.file) };
      }
    }
  } catch (error) {
    const mend =
      errorCode(error) === "EADDRINUSE" ? "choose another address for --admin" : "see --admin";
    throw relayError("listen on", printAddress(endpoint), error, mend);
  }
}

async function answer(
  request: Request,
  sources: StatusSources,
  metrics: PrometheusMetrics,
): Promise<Response> {
  try {
    const { path, parameters } = readRequest(request);
    return await ANSWERS[path](parameters, sources, metrics);
  } catch (error) {
    if (error instanceof RequestError)
      return textAnswer(error.status, error.message, error.headers);
    if (error instanceof QueryError) return textAnswer(400, error.message);
    throw error;
  }
}

const ANSWERS: Readonly<
  Record<
    AdminPath,
    (
      parameters: URLSearchParams,
      sources: StatusSources,
      metrics: PrometheusMetrics,
    ) => Response | Promise<Response>
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

function textAnswer(status: number, text: string, headers: Record<string, string> = {}): Response {
  return respond(status, `${text}\n`, "text/plain; charset=utf-8", headers);
}

function respond(
  status: number,
  body: string,
  type: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, {
    status,
    headers: {
      "content-type": type,
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  });
}
