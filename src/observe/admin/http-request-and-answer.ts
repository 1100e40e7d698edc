import type { IncomingMessage } from "node:http";

/** A client's request. */
export interface HttpRequest {
  readonly method: string;
  /** The request target as it was sent (RFC 9112, 3.2). */
  readonly target: string;
  /** The value of each `Host` header line; a correct request has one at most. */
  readonly hosts: readonly string[];
}

/** The answer to a request. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A function that answers a request. The function must not throw or return a rejected promise. */
export type Answerer = (request: HttpRequest) => Promise<HttpAnswer>;

/** Returns the parts of a parsed request on which the answer depends. */
export function requestOf(message: IncomingMessage): HttpRequest {
  return { method: message.method ?? "", target: message.url ?? "", hosts: hostsOf(message) };
}

function hostsOf({ rawHeaders }: IncomingMessage): string[] {
  // In `rawHeaders`, each header name is followed by its value.
  return rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === "host",
  );
}
