import { leadsBack } from "../../address/leads-back.ts";
import type { SocketEndpoint } from "../../address/address.ts";
import { readAddress, type SocketAddress } from "../../address/socket-address.ts";

/** Whether a connection to one of the destination's addresses would come back to the own source. */
export type LoopCheck = (address: SocketAddress) => boolean;

// How long an answer is good, in milliseconds: the machine's own addresses seldom change.
const GOOD_FOR = 1_000;

/**
 * The check of a destination's addresses; null if none can lead back. What a host's text says by itself
 * is refused before a relay starts (`isSameAddress`), so only names are left, and they seldom have the
 * source's own port.
 */
export function loopCheckOf(source: SocketEndpoint, destination: SocketEndpoint): LoopCheck | null {
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
    const leads = address?.kind === "tcp" && leadsBack(source, address);
    known.set(text, leads);
    return leads;
  };
}
