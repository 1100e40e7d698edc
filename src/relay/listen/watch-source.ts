import { networkIdentity } from "../../os/sockets-in-namespace.ts";
import type { Observer, SourceLoss } from "../observer.ts";
import { isInPlace } from "./socket-file/identify-and-remove.ts";
import type { PlacedFile } from "../kinds-of-source.ts";

// The time between two checks that clients can still find a source, in milliseconds.
const LOOK = 2_000;

/**
 * Reports that clients cannot find a source any more, and that clients can find the source again,
 * until this object is disposed.
 */
export interface SourceWatch extends Disposable {
  /** Checks at once, in addition to the periodic checks. */
  look(): void;
}

/**
 * Watches the file of a Unix source, or the network namespace of another source, because clients
 * cannot find the source without it. Open connections do not need the file or the namespace. Null
 * for a source that has neither.
 */
export function watchSource(
  file: PlacedFile | null,
  netns: string | undefined,
  observer: Observer,
): SourceWatch | null {
  if (file !== null) return watch(() => isInPlace(file), "file", observer);
  if (netns === undefined) return null;
  const identity = networkIdentity(netns);
  return watch(() => networkIdentity(netns) === identity, "network namespace", observer);
}

function watch(isThere: () => boolean, what: SourceLoss, observer: Observer): SourceWatch {
  let isLost = false;
  const look = () => {
    if (isThere() !== isLost) return;
    isLost = !isLost;
    if (isLost) observer.sourceLost(what);
    else observer.sourceBack(what);
  };
  const timer = setInterval(look, LOOK);
  return { look, [Symbol.dispose]: () => clearInterval(timer) };
}
