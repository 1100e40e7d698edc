import type { Socket, SocketHandler } from "bun";
import { encodeEpollEvent, epollData } from "../../os/epoll-event.ts";
import { type EpollRegistration, findEpollRegistration } from "../../os/find-epoll-registration.ts";
import type { Libc } from "../../os/libc.ts";
import {
  AF_UNIX,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  SOCK_STREAM,
} from "../../os/linux-constants.ts";

const BYTE = new Uint8Array(1);
/** A placeholder: epoll_ctl(2) ignores the given event when it removes a registration. */
const NO_EVENT = encodeEpollEvent(0, 0n);

/**
 * Makes Bun's event loop watch an epoll instance of the relay, so that the relay needs no timer to
 * learn that its instance has events.
 *
 * Bun's event loop is itself an epoll instance, and one epoll instance may watch another
 * (epoll(7)). But Bun watches only its own sockets. So this class lends a socket of Bun to the
 * relay's instance: it removes the socket's registration from Bun's event loop, and registers the
 * relay's instance in Bun's event loop with the data of the removed registration. When the relay's
 * instance has an event, Bun believes that the socket has bytes, reads the one byte that always
 * waits in the socket, and calls the `data` handler.
 *
 * The relay's instance is registered for one event at a time (EPOLLONESHOT). So even if the socket
 * has no byte, Bun cannot get the same event again and again.
 */
export class EpollInEventLoop implements Disposable {
  readonly #system: Libc;
  readonly #epoll: number;
  readonly #onEvents: () => boolean;
  /**
   * The descriptor of the lent socket's peer, which sends the byte to the lent socket; -1 after the
   * disposal.
   */
  #other: number;
  /** The lent socket; null before Bun has adopted the socket, and after the disposal. */
  #socket: Socket<EpollInEventLoop> | null = null;
  /**
   * The registration of `#epoll` in Bun's event loop; null before `begin` and after the disposal.
   */
  #registration: EpollRegistration | null = null;

  private constructor(system: Libc, epoll: number, other: number, onEvents: () => boolean) {
    this.#system = system;
    this.#epoll = epoll;
    this.#other = other;
    this.#onEvents = onEvents;
  }

  /**
   * Watches `epoll` until the returned object is disposed. The watch begins some turns of the event
   * loop later. Its first report includes the events that happened meanwhile.
   *
   * @param onEvents - called when the instance has events, and again while events are left; must
   *   not throw. Returns whether there was an event. The first call comes as soon as the watch has
   *   begun, and proves that the watch works. For this call the watch itself adds one event to the
   *   instance. The caller must ignore this event: the event's data is a descriptor of the watch.
   * @returns null if no descriptor is free, or if Bun does not adopt the socket
   */
  static open(system: Libc, epoll: number, onEvents: () => boolean): EpollInEventLoop | null {
    const ends = new Int32Array(2);
    if (system.socketPair(AF_UNIX, SOCK_STREAM, ends) < 0) return null;
    const [fd = -1, other = -1] = ends;
    const watch = new EpollInEventLoop(system, epoll, other, onEvents);
    // Bun calls the handler `open` or `connectError` inside `Bun.connect`, so the promise says
    // nothing more.
    void Bun.connect({ fd, data: watch, socket: HANDLERS });
    if (watch.#socket !== null) return watch;
    watch[Symbol.dispose]();
    return null;
  }

  [Symbol.dispose](): void {
    const registration = this.#registration;
    // Remove the registration before the socket is closed, because the data of the registration
    // is the address of the socket in Bun's memory.
    if (registration !== null)
      this.#system.epollControl(registration.epoll, EPOLL_CTL_DEL, this.#epoll, registration.event);
    this.#registration = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.terminate();
    if (this.#other >= 0) this.#system.close(this.#other);
    this.#other = -1;
  }

  /** Handles the adoption of the socket by Bun. */
  adopted(socket: Socket<EpollInEventLoop>): void {
    // The socket alone must not keep the process alive.
    socket.unref();
    this.#socket = socket;
  }

  /**
   * Replaces the socket's registration in Bun's event loop by the registration of `#epoll`. Called
   * when Bun waits only for bytes of the socket, and no longer changes the socket's registration.
   * Does nothing if the socket's registration cannot be found; in this case `onEvents` is never
   * called.
   */
  begin(): void {
    if (this.#socket === null || this.#registration !== null) return;
    const { fd } = this.#socket;
    const found = findEpollRegistration(fd);
    if (found === null) return;
    const { epoll } = found;
    this.#unwatchSocket(epoll);
    const event = encodeEpollEvent(EPOLLIN | EPOLLONESHOT, epollData(found.event));
    this.#putByte();
    if (this.#system.epollControl(epoll, EPOLL_CTL_ADD, this.#epoll, event) < 0) return;
    this.#registration = { epoll, event };
    // `#other` has room for another byte, so the instance has its first event at once.
    const first = encodeEpollEvent(EPOLLOUT | EPOLLONESHOT, BigInt(this.#other));
    this.#system.epollControl(this.#epoll, EPOLL_CTL_ADD, this.#other, first);
  }

  /** Handles the event of the epoll instance. Called when Bun has read the byte. */
  byteRead(): void {
    if (this.#registration === null) return;
    const { epoll, event } = this.#registration;
    this.#putByte();
    const hadEvent = this.#onEvents();
    // `onEvents` may have disposed this object.
    if (this.#registration === null) return;
    if (!hadEvent) this.#unwatchSocket(epoll);
    this.#system.epollControl(epoll, EPOLL_CTL_MOD, this.#epoll, event);
  }

  /**
   * Removes the socket's registration from Bun's event loop. While this registration exists, the
   * byte that waits in the socket keeps the event loop busy. Called before the first use of the
   * registration of `#epoll`, and when the byte was read although `#epoll` had no event: then Bun
   * has registered the socket again.
   */
  #unwatchSocket(epoll: number): void {
    if (this.#socket !== null)
      this.#system.epollControl(epoll, EPOLL_CTL_DEL, this.#socket.fd, NO_EVENT);
  }

  #putByte(): void {
    this.#system.send(this.#other, BYTE);
  }
}

const HANDLERS: SocketHandler<EpollInEventLoop, "uint8array"> = {
  binaryType: "uint8array",

  open(socket): void {
    socket.data.adopted(socket);
  },

  /** Bun calls this for an adopted socket when the socket has room for the first time. */
  drain({ data: watch }): void {
    // Begin later, because after this handler Bun changes the registration of the socket, and stops
    // waiting for room.
    setImmediate(begin, watch);
  },

  data({ data: watch }): void {
    watch.byteRead();
  },

  /** The descriptor could not be adopted. In this case `EpollInEventLoop.open` returns null. */
  connectError(): void {},
};

function begin(watch: EpollInEventLoop): void {
  watch.begin();
}
