import { closeSync } from "node:fs";
import type { InheritedEndpoint } from "../../address/address.ts";
import { printAddress } from "../../address/address.ts";
import { errnoCode } from "../../os/errno.ts";
import { libc } from "../../os/libc.ts";
import { relayError } from "../../relay/error.ts";
import type { ListeningDescriptors, InheritedDescriptor } from "../../relay/listen/source.ts";
import { endpointOf } from "../../relay/listen/inherited-socket.ts";
import { type Activation, choosePassedSocket, NO_ACTIVATION } from "../../systemd/activation.ts";
import type { HandedSocket } from "./document.ts";

/**
 * The listening sockets that the first process was started with, by systemd or by whoever started
 * it. The process keeps a descriptor of each, because it may have to hand them on.
 */
export class PassedSockets implements Disposable {
  readonly #sockets: Set<HandedSocket>;
  /** Whether a socket may be used that is not listed: in a process that nobody handed any. */
  readonly #isFirst: boolean;
  /** What to say if systemd passed none. */
  readonly #missing: string;

  private constructor(sockets: readonly HandedSocket[], isFirst: boolean, missing: string) {
    this.#sockets = new Set(sockets);
    this.#isFirst = isFirst;
    this.#missing = missing;
  }

  /** Those that systemd passed. */
  static ofFirst({ sockets, missing }: Activation): PassedSockets {
    const passed = sockets.map(({ fd, name }) => ({ descriptor: fd, number: fd, name }));
    return new PassedSockets(passed, true, missing);
  }

  /** Those that another process handed on. */
  static handed(sockets: readonly HandedSocket[]): PassedSockets {
    return new PassedSockets(sockets, false, NO_ACTIVATION.missing);
  }

  /**
   * The socket that a source means, by a descriptor of the caller's own.
   *
   * @throws {RelayError} if there is none, or it does not listen.
   */
  source(address: InheritedEndpoint): ListeningDescriptors | InheritedDescriptor {
    const known = this.#find(address);
    const descriptor = known?.descriptor ?? this.#numberOf(address);
    const endpoint = endpointOf({ kind: "fd", fd: descriptor });
    if (libc === null) {
      // Then there is one descriptor, the relay's.
      if (known !== undefined) this.#sockets.delete(known);
      return { kind: "fd", fd: descriptor };
    }
    if (known === undefined) this.#sockets.add({ descriptor, number: descriptor, name: null });
    const fd = libc.duplicate(descriptor);
    if (fd < 0) throw relayError("listen on", printAddress(address), errnoCode(fd));
    return { kind: "descriptors", fds: [fd], endpoint };
  }

  /** For the next document; `give` gives a descriptor its number there. */
  records(give: (descriptor: number) => number): HandedSocket[] {
    return [...this.#sockets].map((socket) => ({ ...socket, descriptor: give(socket.descriptor) }));
  }

  /** Lets go of all of them. */
  [Symbol.dispose](): void {
    for (const { descriptor } of this.#sockets) closeSync(descriptor);
    this.#sockets.clear();
  }

  #find(address: InheritedEndpoint): HandedSocket | undefined {
    const sockets = [...this.#sockets];
    if (address.kind === "fd") return sockets.find(({ number }) => number === address.fd);
    const passed = sockets.flatMap(({ descriptor, name }) =>
      name === null ? [] : [{ fd: descriptor, name }],
    );
    const activation = { sockets: passed, missing: this.#missing };
    const { fd } = choosePassedSocket(activation, address.name);
    return sockets.find(({ descriptor }) => descriptor === fd);
  }

  /** The descriptor of a socket that is not listed: systemd lists all that it passes. */
  #numberOf(address: InheritedEndpoint): number {
    // In a later process the number may be that of something else.
    if (address.kind === "fd" && this.#isFirst) return address.fd;
    throw relayError("listen on", printAddress(address), "EBADF", "nothing was passed under it");
  }
}
