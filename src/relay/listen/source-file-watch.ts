import type { Observer } from "../observer.ts";
import { isInPlace, type PlacedFile } from "./socket-file/placed-file.ts";

// How often to check that a Unix source's file is still there, in milliseconds.
const FILE_LOOK = 2_000;

/** Reports when the file of a Unix source is lost, and when it is back, until it is disposed. */
export interface FileWatch extends Disposable {
  /** Looks at once; otherwise the watch looks periodically. */
  look(): void;
}

/** Watches the file of a Unix source. Open connections do not depend on it. */
export function watchFile(file: PlacedFile, observer: Observer): FileWatch {
  let isLost = false;
  const look = () => {
    if (isInPlace(file) !== isLost) return;
    isLost = !isLost;
    if (isLost) observer.sourceLost();
    else observer.sourceBack();
  };
  const timer = setInterval(look, FILE_LOOK);
  return { look, [Symbol.dispose]: () => clearInterval(timer) };
}
