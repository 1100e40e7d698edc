import type { Peer } from "../os/peer-credentials.ts";
import type { ConnectionView } from "../relay/observer.ts";
import { decodeFigures, type Figures } from "./encode-connection-figures.ts";
import type { Introduction, Reached } from "./worker-messages.ts";

const AT_FIRST: Figures = {
  bytesUp: 0,
  bytesDown: 0,
  heldUp: 0,
  heldDown: 0,
  pausesUp: 0,
  pausesDown: 0,
  state: "connecting",
};

/**
 * The main thread's view of a worker's connection, with the figures of the worker's last report.
 */
export class RemoteConnectionView implements ConnectionView {
  readonly id: number;
  readonly clientAddress: string;
  readonly clientPeer: Peer | null;
  connectedAt: number | null = null;
  destinationAddress = "";
  /**
   * The difference between the clocks of two threads, in milliseconds: the time by this thread's
   * clock minus the time by the worker's clock.
   */
  readonly #behind: number;
  #figures = AT_FIRST;

  constructor(
    { id, openedAt: openedThere, clientAddress, clientPeer }: Introduction,
    readonly openedAt: number,
  ) {
    this.#behind = openedAt - openedThere;
    this.id = id;
    this.clientAddress = clientAddress;
    this.clientPeer = clientPeer;
  }

  /**
   * Notes the time at which the destination was reached, and the destination's address. `reached`
   * is null if the destination was not reached; in this case the method does nothing.
   */
  noteConnect(reached: Reached | null): void {
    if (reached === null) return;
    this.connectedAt = reached.at + this.#behind;
    this.destinationAddress = reached.address;
  }

  update(numbers: Float64Array): void {
    this.#figures = decodeFigures(numbers);
  }

  get bytesUp(): number {
    return this.#figures.bytesUp;
  }

  get bytesDown(): number {
    return this.#figures.bytesDown;
  }

  get heldUp(): number {
    return this.#figures.heldUp;
  }

  get heldDown(): number {
    return this.#figures.heldDown;
  }

  get pausesUp(): number {
    return this.#figures.pausesUp;
  }

  get pausesDown(): number {
    return this.#figures.pausesDown;
  }

  get state() {
    return this.#figures.state;
  }
}
