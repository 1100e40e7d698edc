import { whyNotPrivate } from "../os/private-network-namespace.ts";
import { RelayError } from "../relay/error.ts";

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
