import { networkIdentity } from "../../os/sockets-in-namespace.ts";
import type { Observer, SourceLoss } from "../observer.ts";
import { isInPlace } from "./socket-file/identify-and-remove.ts";
import type { PlacedFile } from "../kinds-of-source.ts";

// The time between two checks that clients can still find a source, in milliseconds.
const LOOK = 2_000;

/**
 * Reports when clients cannot find a source any more, and when they can find it again. Reports
 * nothing after it was disposed.
 */
export interface SourceWatch extends Disposable {
  /** Checks at once, in addition to the periodic checks. */
  look(): void;
}

/**
 * Watches whether clients can find a source: whether the file of a Unix source is in its place, or
 * whether the name of a network namespace still leads to the namespace of a TCP or abstract source.
 * Open connections need neither. Returns null if the source has no file and is in this process's
 * own namespace.
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
    if (isFound(isThere) !== isLost) return;
    isLost = !isLost;
    if (isLost) observer.sourceLost(what);
    else observer.sourceBack(what);
  };
  const timer = setInterval(look, LOOK);
  return { look, [Symbol.dispose]: () => clearInterval(timer) };
}

/**
 * Returns the answer of a check. A check that fails (EIO, ESTALE) counts as a loss, because clients
 * meet the same error.
 */
function isFound(isThere: () => boolean): boolean {
  try {
    return isThere();
  } catch {
    return false;
  }
}
