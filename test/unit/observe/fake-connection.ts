import type { ConnectionView } from "../../../src/relay/observer.ts";

type Changeable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

let last = 0;

/** A connection whose figures a test sets itself; each has another id. */
export function fakeConnection(
  figures: Partial<Changeable<ConnectionView>> = {},
): Changeable<ConnectionView> {
  last += 1;
  return {
    id: last,
    clientAddress: `127.0.0.1:${10_000 + last}`,
    clientPeer: null,
    openedAt: performance.now(),
    connectedAt: null,
    destinationAddress: "",
    bytesUp: 0,
    bytesDown: 0,
    heldUp: 0,
    heldDown: 0,
    pausesUp: 0,
    pausesDown: 0,
    state: "open",
    ...figures,
  };
}
