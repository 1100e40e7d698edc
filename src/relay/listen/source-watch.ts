import { networkIdentity } from "../../os/sockets-in-network.ts";
import type { Observer, SourceLoss } from "../observer.ts";
import { isInPlace, type PlacedFile } from "./socket-file/placed-file.ts";

// How often to check that clients can still find a source, in milliseconds.
const LOOK = 2_000;

/** Reports when clients cannot find a source any more, and when they can again, until disposed. */
export interface SourceWatch extends Disposable {
  /** Looks at once; otherwise the watch looks periodically. */
  look(): void;
}

/**
 * Watches what leads clients to a source: the file of a Unix socket, or the network namespace. Open
 * connections depend on neither. Null for a source that depends on neither.
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
