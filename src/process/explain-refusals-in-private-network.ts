import type { Endpoint } from "../address/address.ts";
import { whyNotPrivate } from "../os/private-network-namespace.ts";
import type { Failure, Observer } from "../relay/observer.ts";

// The error codes of a failed connect. ECONNREFUSED: no process of this network namespace listens
// on the port. ENETUNREACH: this network namespace cannot reach the address.
const REFUSALS: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENETUNREACH"]);

/**
 * Wraps a relay's observer, so that a failed connection to the destination is explained. If the
 * error is one of `REFUSALS`, and this network namespace is private, the wrapper adds a hint to the
 * failure's message: the destination's service may be in another network namespace. The system's
 * error does not show that the namespace is the cause.
 */
export function explainRefusals(
  observer: Observer,
  destination: Endpoint,
  notifySocket: string | undefined,
): Observer {
  // Unix sockets with a path are the same in every network namespace (network_namespaces(7)).
  if (destination.kind === "unix") return observer;
  let isPrivate: boolean | undefined;
  return {
    ...observer,
    unreachable(connection, failure) {
      if (!REFUSALS.has(failure.code)) return observer.unreachable(connection, failure);
      isPrivate ??= whyNotPrivate(notifySocket) === null;
      observer.unreachable(connection, isPrivate ? explain(failure) : failure);
    },
  };
}

function explain({ code, message }: Failure): Failure {
  return {
    code,
    message:
      `${message}; this network namespace is private, and the service may not be in it: ` +
      "it needs PrivateNetwork=yes and a restart",
  };
}
