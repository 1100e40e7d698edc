import type { Libc } from "../../os/libc.ts";
import { OUTPUT } from "./standard-descriptors.ts";

/** The time between two looks, in milliseconds. */
const PERIOD = 1_000;

/**
 * Calls `left` when nobody will read standard output any more, until the returned object is
 * disposed. A write would find this out, but a destination that sends nothing causes no write.
 */
export function onReaderLeft(system: Libc, left: () => void): Disposable {
  const looks = setInterval(() => {
    if (system.lacksReader(OUTPUT) !== 1) return;
    clearInterval(looks);
    left();
  }, PERIOD);
  return { [Symbol.dispose]: () => clearInterval(looks) };
}
