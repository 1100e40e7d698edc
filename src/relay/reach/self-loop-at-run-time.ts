import { isSelfLoop } from "../../address/self-loop.ts";
import type { SocketEndpoint } from "../../address/address.ts";
import { readAddress, type SocketAddress } from "../../address/socket-address.ts";

/** Whether a connection to an address of the destination would come back to the relay's source. */
export type SelfLoopCheck = (address: SocketAddress) => boolean;

// The time for which an answer of the check is cached, in milliseconds. The answers rarely change,
// because they depend on the machine's own addresses.
const GOOD_FOR = 1_000;

/**
 * Returns the check for a destination's addresses; null if no address can lead back to the source.
 * A loop that is visible in the two addresses as the user wrote them is refused before a relay
 * starts (`isSameAddress`). So only a destination with a host name and with the source's port needs
 * this check.
 */
export function selfLoopCheck(
  source: SocketEndpoint,
  destination: SocketEndpoint,
): SelfLoopCheck | null {
  if (source.kind !== "tcp" || destination.kind !== "tcp") return null;
  if (source.port !== destination.port) return null;
  let known = new Map<string, boolean>();
  let knownUntil = 0;
  return ({ text, bytes }) => {
    const now = performance.now();
    if (now >= knownUntil) {
      known = new Map();
      knownUntil = now + GOOD_FOR;
    }
    const cached = known.get(text);
    if (cached !== undefined) return cached;
    const address = readAddress(bytes);
    const leads = address?.kind === "tcp" && isSelfLoop(source, address);
    known.set(text, leads);
    return leads;
  };
}
