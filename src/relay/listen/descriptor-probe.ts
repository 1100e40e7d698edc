import { EMFILE, ENFILE, errnoCode } from "../../os/errno.ts";
import { AF_UNIX, libc, SOCK_STREAM } from "../../os/libc.ts";

// Descriptors that must be free again before clients are taken in again.
export const HEADROOM = 16;

// How often it is seen whether the system has a descriptor left, in milliseconds.
const PERIOD = 1_000;

/** Wants to know whether descriptors are left. */
export interface DescriptorWatcher {
  /** Whether a shortage was told of, and its end is waited for. */
  readonly isShort: boolean;
  /** No descriptor is left; the code says whose limit that is. */
  short(code: string): void;
  /** There are descriptors again. */
  plenty(): void;
}

const watchers = new Set<DescriptorWatcher>();
let timer: Timer | undefined;

/**
 * Looks from time to time whether descriptors are left, once for all relays of this thread, until
 * disposed. Somebody else may take them, on whom no count of ours has a hold.
 */
export function watchDescriptors(watcher: DescriptorWatcher): Disposable {
  watchers.add(watcher);
  timer ??= setInterval(look, PERIOD);
  return {
    [Symbol.dispose]() {
      watchers.delete(watcher);
      if (watchers.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}

function look(): void {
  const shortage = descriptorShortage(1);
  const shortOfMany = [...watchers].some(({ isShort }) => isShort)
    ? descriptorShortage(HEADROOM)
    : shortage;
  for (const watcher of [...watchers]) {
    const code = watcher.isShort ? shortOfMany : shortage;
    if (code !== null) watcher.short(code);
    else if (watcher.isShort) watcher.plenty();
  }
}

/** EMFILE or ENFILE where fewer than `wanted` descriptors are left, else null. */
export function descriptorShortage(wanted: number): string | null {
  if (libc === null) return null;
  const fd = libc.socket(AF_UNIX, SOCK_STREAM);
  if (fd === -EMFILE || fd === -ENFILE) return errnoCode(fd);
  // A service manager may forbid the family (systemd.exec(5), RestrictAddressFamilies=).
  if (fd < 0) return null;
  const shortage = wanted > 1 ? descriptorShortage(wanted - 1) : null;
  libc.close(fd);
  return shortage;
}
