import type { Endpoint } from "../address/address.ts";
import { whyNotPrivate } from "../os/private-network-namespace.ts";
import { RelayError } from "../relay/error.ts";
import type { Failure, Observer } from "../relay/observer.ts";

/**
 * The code of the error for a network namespace that is not private although
 * `--require-private-network` is set.
 */
export const NOT_PRIVATE = "NOT_PRIVATE";

/**
 * Checks that this process is in a private network namespace (`whyNotPrivate`).
 *
 * @throws {RelayError} with `NOT_PRIVATE` if the namespace is not private; the message says why,
 * and how the user makes the namespace private
 */
export function checkPrivateNetwork(notifySocket: string | undefined): void {
  const reason = whyNotPrivate(notifySocket);
  if (reason !== null)
    throw new RelayError(
      NOT_PRIVATE,
      "",
      `--require-private-network: this network namespace ${reason}; give the service that this ` +
        "relay joins PrivateNetwork=yes (systemctl edit SERVICE) and restart it",
    );
}

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
