import { closeSync, lstatSync } from "node:fs";
import type { InheritedEndpoint, SocketEndpoint } from "../../address/address.ts";
import { printAddress } from "../../address/address.ts";
import { errnoCode } from "../../os/errno.ts";
import { libc } from "../../os/libc.ts";
import { RelayError, relayError } from "../../relay/error.ts";
import type {
  ListeningDescriptors,
  InheritedDescriptor,
} from "../../relay/listen/kinds-of-source.ts";
import { endpointOf } from "../../relay/listen/inherited-socket.ts";
import { type Activation, choosePassedSocket, NO_ACTIVATION } from "../../systemd/activation.ts";
import type { HandedSocket } from "./handover-document.ts";
import { isSameListener } from "./same-listener.ts";

/**
 * The listening sockets that the first process was started with, by systemd or another program.
 * Each process keeps a descriptor of each socket, so that the process can pass the socket to its
 * successor.
 */
export class PassedSockets implements Disposable {
  readonly #sockets: Set<HandedSocket>;
  /**
   * Whether `fd:N` may name a descriptor that is not in `#sockets`. Only in the first process, N is
   * the number that the user meant.
   */
  readonly #isFirst: boolean;
  /** The message for the case that systemd passed no socket. */
  readonly #missing: string;
  /** The sockets that a relay uses. */
  readonly #used = new Set<HandedSocket>();
  /**
   * The number of sources for which `adopt` found a socket, and the sources for which it found
   * none.
   */
  #adopted = 0;
  readonly #left: SocketEndpoint[] = [];
  /** The addresses of the sockets, or the error of the attempt to read them; filled on demand. */
  readonly #endpoints = new Map<HandedSocket, SocketEndpoint | RelayError>();

  private constructor(sockets: readonly HandedSocket[], isFirst: boolean, missing: string) {
    this.#sockets = new Set(sockets);
    this.#isFirst = isFirst;
    this.#missing = missing;
  }

  /** The sockets that systemd passed to this process. */
  static ofFirst({ sockets, missing }: Activation): PassedSockets {
    const passed = sockets.map(({ fd, name }) => ({ descriptor: fd, number: fd, name }));
    return new PassedSockets(passed, true, missing);
  }

  /** The passed sockets that the predecessor handed over. */
  static handed(sockets: readonly HandedSocket[]): PassedSockets {
    return new PassedSockets(sockets, false, NO_ACTIVATION.missing);
  }

  /**
   * Returns the passed socket of a source. The caller owns the returned descriptor.
   *
   * @throws {RelayError} if there is no such socket, or the socket does not listen.
   */
  source(address: InheritedEndpoint): ListeningDescriptors | InheritedDescriptor {
    const known = this.#find(address);
    const descriptor = known?.descriptor ?? this.#numberOf(address);
    const endpoint = endpointOf({ kind: "fd", fd: descriptor });
    if (known !== undefined) this.#used.add(known);
    if (libc === null) {
      // Without FFI the descriptor cannot be duplicated, so the relay gets the only descriptor.
      if (known !== undefined) this.#sockets.delete(known);
      return { kind: "fd", fd: descriptor };
    }
    if (known === undefined) this.#sockets.add({ descriptor, number: descriptor, name: null });
    const fd = libc.duplicate(descriptor);
    if (fd < 0) throw relayError("listen on", printAddress(address), errnoCode(fd));
    return { kind: "descriptors", fds: [fd], endpoint };
  }

  /**
   * Finds the socket that systemd passed and that listens on a source, and duplicates its
   * descriptor for the caller. Null if there is no such socket, because the relay can then bind the
   * source itself. So one configuration file works with and without `.socket` units.
   *
   * A generated `.socket` unit has the relay's name as its `FileDescriptorName=`. If the socket of
   * that name listens on another address, or the socket's file lets in more users than `mode`, the
   * units are older than the configuration file, and this method throws.
   *
   * @param relay - the relay's name
   * @throws {RelayError} if the units are older than the configuration file, or `source` throws.
   */
  adopt(
    relay: string,
    address: SocketEndpoint,
    mode: number | undefined,
  ): ListeningDescriptors | InheritedDescriptor | null {
    const named = [...this.#sockets].filter(({ name }) => name !== null);
    const found = named.find((socket) => {
      const endpoint = this.#endpointOf(socket);
      return !(endpoint instanceof RelayError) && isSameListener(endpoint, address);
    });
    if (found !== undefined) {
      if (address.kind === "unix") checkMode(address.path, mode);
      this.#adopted += 1;
      return this.source({ kind: "fd", fd: found.number });
    }
    const namesake = named.find(({ name }) => name === relay);
    if (namesake === undefined) {
      this.#left.push(address);
      return null;
    }
    const endpoint = this.#endpointOf(namesake);
    if (endpoint instanceof RelayError) throw endpoint;
    throw outdated(address, `systemd listens on ${printAddress(endpoint)} for this relay`);
  }

  /**
   * The sources that relays bound themselves although other sources got a passed socket. No
   * `.socket` unit lists these sources.
   */
  get unknown(): readonly string[] {
    return this.#adopted === 0 ? [] : this.#left.map(printAddress);
  }

  /** The passed sockets that no relay uses: the name and address of each. */
  get unused(): readonly string[] {
    return [...this.#sockets].flatMap((socket) => {
      if (socket.name === null || this.#used.has(socket)) return [];
      const endpoint = this.#endpointOf(socket);
      const where = endpoint instanceof RelayError ? "" : ` (${printAddress(endpoint)})`;
      return [`${socket.name}${where}`];
    });
  }

  /**
   * Returns the records for the next document. `give` returns the number that a descriptor gets in
   * the successor.
   */
  records(give: (descriptor: number) => number): HandedSocket[] {
    return [...this.#sockets].map((socket) => ({ ...socket, descriptor: give(socket.descriptor) }));
  }

  /** Closes all descriptors. */
  [Symbol.dispose](): void {
    for (const { descriptor } of this.#sockets) closeSync(descriptor);
    this.#sockets.clear();
  }

  #endpointOf(socket: HandedSocket): SocketEndpoint | RelayError {
    const known = this.#endpoints.get(socket);
    if (known !== undefined) return known;
    const endpoint = endpointOrError(socket.descriptor);
    this.#endpoints.set(socket, endpoint);
    return endpoint;
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

  /**
   * Returns N for `fd:N` if the socket is not in `#sockets`. A socket that systemd passes is always
   * in `#sockets`.
   */
  #numberOf(address: InheritedEndpoint): number {
    // In a later process, the descriptor with this number may be another file.
    if (address.kind === "fd" && this.#isFirst) return address.fd;
    throw relayError("listen on", printAddress(address), "EBADF", "nothing was passed under it");
  }
}

function endpointOrError(fd: number): SocketEndpoint | RelayError {
  try {
    return endpointOf({ kind: "fd", fd });
  } catch (error) {
    if (error instanceof RelayError) return error;
    throw error;
  }
}

/**
 * Refuses a socket whose file lets in more users than `mode`. The relay may not change the mode of
 * a file that systemd made.
 */
function checkMode(path: string, mode: number | undefined): void {
  if (mode === undefined) return;
  const found = modeOf(path);
  if (found === undefined || (found & ~mode) === 0) return;
  const [is, wanted] = [found, mode].map((bits) => bits.toString(8).padStart(4, "0"));
  throw outdated({ kind: "unix", path }, `systemd made the file with mode ${is}, not ${wanted}`);
}

/** The permissions of a file; undefined if this process cannot see the file. */
function modeOf(path: string): number | undefined {
  try {
    return lstatSync(path).mode & 0o777;
  } catch {
    // The service's sandbox may hide the file's folder.
    return undefined;
  }
}

function outdated(address: SocketEndpoint, reason: string): RelayError {
  const text = printAddress(address);
  return new RelayError(
    "EADDRNOTAVAIL",
    text,
    `cannot listen on ${text}: ${reason}; write the units again (units --config=FILE --force) and restart the socket`,
  );
}
