import type { HttpRequest } from "./http-request-and-answer.ts";

/**
 * The error for a refused request: it has the HTTP status of the answer, and the reason as its
 * message.
 */
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

/** A request that has passed all checks of `readRequest`. */
export interface AdminRequest<Path extends string> {
  readonly path: Path;
  readonly parameters: URLSearchParams;
}

/** The rules for the requests that a server answers. */
export interface RequestRules<Path extends string> {
  /** The paths that the server answers. A request for any other path gets status 404. */
  readonly paths: readonly Path[];
  /**
   * Whether the request's host must be a loopback name or address. The client sends the host in the
   * target or in the `Host` header. A request without a host is always allowed.
   *
   * The reason is DNS rebinding: a web site can let one of its own names point to a loopback
   * address. Its pages can then make a browser on this machine send requests to this server under
   * that name. So a request whose host is not a loopback host is refused with status 421. A request
   * without a host is harmless, because no browser sends one.
   */
  readonly loopbackOnly: boolean;
}

/**
 * Checks a request against the rules, and splits its target.
 *
 * @throws {RequestError} with status 400 if the request is malformed, 404 if the path is unknown,
 * 405 if the method is not GET or HEAD, and 421 if the host is not a loopback host but must be one
 */
export function readRequest<Path extends string>(
  { method, target, hosts }: HttpRequest,
  { paths, loopbackOnly }: RequestRules<Path>,
): AdminRequest<Path> {
  // RFC 9112, 3.2: a server must refuse a request with several Host lines.
  if (hosts.length > 1) throw new RequestError(400, "there is more than one Host");
  const { authority, path, query } = splitTarget(target);
  // RFC 9112, 3.2.2: the host of an absolute target takes precedence over the Host header.
  const host = authority ?? hosts[0];
  if (loopbackOnly && host !== undefined) checkLoopback(host);
  if (method !== "GET" && method !== "HEAD")
    throw new RequestError(405, "this can only be read", { allow: "GET, HEAD" });
  const known = paths.find((one) => one === path);
  if (known === undefined)
    throw new RequestError(404, `nothing is here; there are ${paths.join(", ")}`);
  return { path: known, parameters: new URLSearchParams(query) };
}

interface Target {
  /** The host and port of a target in absolute form; null if the target is in origin form. */
  readonly authority: string | null;
  readonly path: string;
  readonly query: string;
}

/**
 * Splits a target in origin form (`/status?limit=3`) or in absolute form
 * (`http://localhost/status`).
 */
function splitTarget(target: string): Target {
  const match = /^(?:https?:\/\/([^/?#]*))?(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(target);
  const [, authority = null, path, query = ""] = match ?? [];
  // A target may lack the path only in absolute form; the path is then "/" (RFC 9110, 4.2.3).
  if (match === null || (path === undefined && authority === null))
    throw new RequestError(400, "the request target is not a path");
  return { authority, path: path ?? "/", query };
}

// A host and an optional port: the authority of RFC 3986, 3.2, without user information.
const HOST_AND_PORT = /^(\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::(\d*))?$/i;

const LOOPBACK_HOST =
  /^(?:localhost|(?:[\w-]+\.)+localhost|127(?:\.\d{1,3}){3}|\[(?:::1|::ffff:127(?:\.\d{1,3}){3})\])\.?$/i;

const PORT_MOST = 65_535;

function checkLoopback(text: string): void {
  const [match, host = "", port = ""] = HOST_AND_PORT.exec(text) ?? [];
  if (match === undefined || Number(port) > PORT_MOST)
    throw new RequestError(400, "Host is not a host name with an optional port");
  if (!LOOPBACK_HOST.test(host))
    throw new RequestError(421, "Host must be localhost or a loopback address");
}
