import type { Observer } from "../observer.ts";
import { isInPlace, type PlacedFile } from "./socket-file/placed-file.ts";

// How often it is seen whether a Unix source's file is still there, in milliseconds.
const FILE_LOOK = 2_000;

/** Tells when the file of a Unix source is lost, and when it is back. Open connections go on. */
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
