import type { Observer } from "../observer.ts";
import { isInPlace, type PlacedFile } from "./socket-file/placed-file.ts";

// How often to check that a Unix source's file is still there, in milliseconds.
const FILE_LOOK = 2_000;

/** Reports when the file of a Unix source is lost, and when it is back. Connections continue. */
export function watchFile(file: PlacedFile, observer: Observer): Disposable {
  let isLost = false;
  const timer = setInterval(() => {
    if (isInPlace(file) !== isLost) return;
    isLost = !isLost;
    if (isLost) observer.sourceLost();
    else observer.sourceBack();
  }, FILE_LOOK);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
