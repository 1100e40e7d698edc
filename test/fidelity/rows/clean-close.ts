import type { RawSocket } from "../../support/sockets/raw-socket.ts";
import { CLOSE_WAIT } from "../../support/process/tcp-sockets.ts";
import { Impatience, PATIENCE } from "../../support/waiting.ts";
import { relaySocket } from "./relay-socket.ts";

/**
 * Reads all that a relay, frozen meanwhile, has given its kernel for this end, and closes it: an
 * end of stream, although the relay has more for it. A byte that came between the last read and the
 * close would make it a reset (tcp(7)), and so would one that overtook the end of stream.
 */
export function closeClean(end: RawSocket): void {
  if (!end.isTcp) {
    readAll(end);
    return end.close();
  }
  const relay = relaySocket(end);
  const settled = () => end.unsent === 0 && relay()?.unsent === 0;
  spin(() => {
    // Looked at before the read: what the peer's kernel has got is there for it.
    const last = settled();
    readAll(end);
    return last;
  }, "the relay's kernel to have sent all");
  end.close();
  spin(() => relay()?.state === CLOSE_WAIT, "the end of stream at the relay's kernel");
}

function readAll(end: RawSocket): void {
  while (typeof end.tryReceive() !== "string") {}
}

/** Waits without giving up the thread, which may be the relay's own. */
function spin(condition: () => boolean, what: string): void {
  const deadline = performance.now() + PATIENCE;
  while (!condition()) if (performance.now() >= deadline) throw new Impatience(what, PATIENCE);
}
