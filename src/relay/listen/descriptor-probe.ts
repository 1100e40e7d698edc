import { EMFILE, ENFILE, errnoCode } from "../../os/errno.ts";
import { AF_UNIX, libc, SOCK_STREAM } from "../../os/libc.ts";

// How many descriptors must be free before the relay accepts again.
export const HEADROOM = 16;

// How often to check whether descriptors are left, in milliseconds.
const PERIOD = 1_000;

/** Is notified about a shortage of descriptors. */
export interface DescriptorWatcher {
  /** Whether a shortage was reported and has not ended. */
  readonly isShort: boolean;
  /** No descriptor is left; EMFILE is the process's limit, ENFILE the system's. */
  short(code: string): void;
  /** Descriptors are available again. */
  plenty(): void;
}

const watchers = new Set<DescriptorWatcher>();
let timer: Timer | undefined;

/**
 * Checks periodically whether descriptors are left, once for all relays of this thread, until
 * disposed. Counting our own descriptors is not enough: other code and other processes use them,
 * too.
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

/** EMFILE or ENFILE if fewer than `wanted` descriptors are left, else null. */
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
