import type { Observer } from "../observer.ts";
import { isInPlace, type PlacedFile } from "./socket-file/placed-file.ts";

// How often it is seen whether a Unix source's file is still there, in milliseconds.
const FILE_LOOK = 2_000;

/** Says once that nobody finds the way in any more; those who are in go on. */
export function watchFile(file: PlacedFile, observer: Observer): Disposable {
  const timer = setInterval(() => {
    if (isInPlace(file)) return;
    clearInterval(timer);
    observer.warning("the source's file is gone: nobody can connect until a restart");
  }, FILE_LOOK);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
