import { isSelfLoop } from "../../address/self-loop.ts";
import type { SocketEndpoint } from "../../address/address.ts";
import { leadToSameFile } from "../../os/same-file.ts";
import { readAddress, readScope, type SocketAddress } from "../../address/socket-address.ts";

/** Whether a connection to an address of the destination would come back to the relay's source. */
export type SelfLoopCheck = (address: SocketAddress) => boolean;

// The time for which an answer of the check is cached, in milliseconds. The answers rarely change,
// because they depend on the machine's own addresses and on its files.
const GOOD_FOR = 1_000;

/**
 * Returns the check for a destination's addresses; null if no address can lead back to the source.
 *
 * The start of the relay already refuses a loop that is visible at that time: the two addresses are
 * the same as the user wrote them (`isSameAddress`), or two paths lead to one file. Two kinds of
 * destination remain for this check. A host name with the source's port may stand for the source's
 * address. A path may later become a link to the source's file.
 */
export function selfLoopCheck(
  source: SocketEndpoint,
  destination: SocketEndpoint,
): SelfLoopCheck | null {
  if (source.kind === "unix" && destination.kind === "unix")
    return cached(() => leadToSameFile(source.path, destination.path));
  if (source.kind !== "tcp" || destination.kind !== "tcp") return null;
  if (source.port !== destination.port) return null;
  return cached(({ bytes }) => {
    const address = readAddress(bytes);
    if (address?.kind !== "tcp") return false;
    const scope = readScope(bytes);
    const host = scope === 0 ? address.host : `${address.host}%${scope}`;
    return isSelfLoop(source, { host, port: address.port });
  });
}

/** Returns the check with its answers cached for `GOOD_FOR`. */
function cached(check: SelfLoopCheck): SelfLoopCheck {
  let known = new Map<string, boolean>();
  let knownUntil = 0;
  return (address) => {
    const now = performance.now();
    if (now >= knownUntil) {
      known = new Map();
      knownUntil = now + GOOD_FOR;
    }
    const answer = known.get(address.text) ?? check(address);
    known.set(address.text, answer);
    return answer;
  };
}
