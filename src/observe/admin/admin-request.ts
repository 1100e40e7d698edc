/** What can be asked of the admin address, and nothing else. */
export const PATHS = ["/", "/status", "/metrics", "/healthz", "/readyz"] as const;
export type AdminPath = (typeof PATHS)[number];

/** A request that is not answered as it was meant: the HTTP status and why. */
export class RequestError extends Error {
  override readonly name = "RequestError";

  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** A request that may be answered. */
export interface AdminRequest {
  readonly path: AdminPath;
  readonly parameters: URLSearchParams;
}

const LOOPBACK_HOST =
  /^(?:localhost|(?:[\w-]+\.)+localhost|127(?:\.\d{1,3}){3}|\[(?:::1|::ffff:127(?:\.\d{1,3}){3})\])\.?(?::\d{1,5})?$/i;

/**
 * Reads a request.
 *
 * A page of any site can make a browser on this machine ask loopback, under a name of its own that
 * it lets point there (DNS rebinding): who asks under a name that is not loopback's gets nothing.
 * No `Host` at all is no browser.
 *
 * @throws {RequestError}
 */
export function readRequest(request: Request): AdminRequest {
  const host = request.headers.get("host");
  if (host !== null && !LOOPBACK_HOST.test(host))
    throw new RequestError(421, "only asked for as localhost or a loopback address");
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new RequestError(405, "everything here is only to be read", { allow: "GET, HEAD" });
  // Without a Host header the address of the request is but a path.
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const path = PATHS.find((known) => known === pathname);
  if (path === undefined)
    throw new RequestError(404, `nothing is here; there are ${PATHS.join(", ")}`);
  return { path, parameters: searchParams };
}
