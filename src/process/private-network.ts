import type { Endpoint } from "../address/address.ts";
import { whyNotPrivate } from "../os/network-namespace.ts";
import { RelayError } from "../relay/error.ts";
import type { Failure, Observer } from "../relay/observer.ts";

/** The error code if the network namespace should be private but is not. */
export const NOT_PRIVATE = "NOT_PRIVATE";

/**
 * Checks that this process is in a private network namespace.
 *
 * @throws {RelayError} with `NOT_PRIVATE` if it is not; the message has the reason and how to fix
 * it
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

// The errors for a port where no process of this namespace listens, and for an address that the
// namespace does not have.
const REFUSALS: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENETUNREACH"]);

/**
 * Adds a hint to the message for a destination that refuses: in a private network namespace, the
 * service may be in another namespace, and no other message would say so.
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
