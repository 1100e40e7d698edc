import { closeSync, lstatSync } from "node:fs";
import type { InheritedEndpoint, SocketEndpoint } from "../../address/address.ts";
import { printAddress } from "../../address/address.ts";
import { errnoCode } from "../../os/errno.ts";
import { libc } from "../../os/libc.ts";
import { RelayError, relayError } from "../../relay/error.ts";
import type { ListeningDescriptors, InheritedDescriptor } from "../../relay/kinds-of-source.ts";
import { endpointOf } from "../../relay/listen/inherited-socket.ts";
import { type Activation, choosePassedSocket, NO_ACTIVATION } from "../../systemd/activation.ts";
import type { HandedSocket } from "./handover-document.ts";
import { isSameListener } from "./same-listener.ts";

/**
 * The listening sockets that systemd or another program passed to the first process at its start.
 * The first process is the process that was not started by a handover. Each process keeps a
 * descriptor of each socket, so that it can pass the socket to its successor.
 */
export class PassedSockets implements Disposable {
  readonly #sockets: Set<HandedSocket>;
  /**
   * Whether this process is the first process. In the first process, a source `fd:N` may name any
   * descriptor, even one that is not in `#sockets`. In a later process, N must be the number that a
   * socket of `#sockets` had in the first process, because descriptors have other numbers in a
   * later process.
   */
  readonly #isFirst: boolean;
  /**
   * The reason why there is no passed socket, for the error about a source that needs one; see
   * `Activation.missing`.
   */
  readonly #missing: string;
  /** The passed sockets that a relay of this process listens on. */
  readonly #used = new Set<HandedSocket>();
  /** The number of sources for which `adopt` found a passed socket. */
  #adopted = 0;
  /** The sources for which `adopt` found no passed socket. */
  readonly #left: SocketEndpoint[] = [];
  /**
   * The address of each passed socket, or the error if the address cannot be read. An entry is
   * added when the address is first needed.
   */
  readonly #endpoints = new Map<HandedSocket, SocketEndpoint | RelayError>();

  private constructor(sockets: readonly HandedSocket[], isFirst: boolean, missing: string) {
    this.#sockets = new Set(sockets);
    this.#isFirst = isFirst;
    this.#missing = missing;
  }

  /** Returns the sockets that systemd passed to this process, which is the first process. */
  static ofFirst({ sockets, missing }: Activation): PassedSockets {
    const passed = sockets.map(({ fd, name }) => ({ descriptor: fd, number: fd, name }));
    return new PassedSockets(passed, true, missing);
  }

  /** Returns the passed sockets that the predecessor handed over to this process. */
  static handed(sockets: readonly HandedSocket[]): PassedSockets {
    return new PassedSockets(sockets, false, NO_ACTIVATION.missing);
  }

  /**
   * Returns a descriptor of the passed socket that a source names. The caller owns this descriptor.
   *
   * @throws {RelayError} if the source names no passed socket, or if the socket does not listen.
   */
  source(address: InheritedEndpoint): ListeningDescriptors | InheritedDescriptor {
    const known = this.#find(address);
    const descriptor = known?.descriptor ?? this.#numberOf(address);
    const endpoint = endpointOf({ kind: "fd", fd: descriptor });
    if (known !== undefined) this.#used.add(known);
    if (libc === null) {
      // The relay gets the only descriptor, because without FFI the descriptor cannot be
      // duplicated. Remove the socket here, so that `Symbol.dispose` does not close the relay's
      // descriptor.
      if (known !== undefined) this.#sockets.delete(known);
      return { kind: "fd", fd: descriptor };
    }
    if (known === undefined) this.#sockets.add({ descriptor, number: descriptor, name: null });
    const fd = libc.duplicate(descriptor);
    if (fd < 0) throw relayError("listen on", printAddress(address), errnoCode(fd));
    return { kind: "descriptors", fds: [fd], endpoint };
  }

  /**
   * Finds the passed socket that listens on a relay's source, and returns a descriptor of this
   * socket. The caller owns the descriptor. Returns null if systemd passed no socket for this
   * source. In this case the relay binds the source itself, so one configuration file works with
   * and without `.socket` units.
   *
   * Two signs show that the `.socket` units are older than the configuration file. The first sign:
   * no passed socket listens on the source, but a passed socket with the relay's name listens on
   * another address (a generated unit sets this name with `FileDescriptorName=`). The second sign:
   * the file of the source's socket gives more permissions than `mode`.
   *
   * @param relay - the relay's name
   * @param address - the relay's source
   * @param mode - the configured permissions of the socket's file; undefined if none are configured
   * @throws {RelayError} if the units are older than the configuration file, or if the socket
   *   cannot be used
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

  /** Whether this process has a socket that systemd or another program passed. */
  get any(): boolean {
    return this.#sockets.size > 0;
  }

  /**
   * The sources that relays have bound themselves, because systemd passed no socket for them
   * although it passed sockets for other sources. Empty if systemd passed no socket for any source.
   */
  get unknown(): readonly string[] {
    return this.#adopted === 0 ? [] : this.#left.map(printAddress);
  }

  /** The name and the address of each socket that systemd passed and that no relay listens on. */
  get unused(): readonly string[] {
    return [...this.#sockets].flatMap((socket) => {
      if (socket.name === null || this.#used.has(socket)) return [];
      const endpoint = this.#endpointOf(socket);
      const where = endpoint instanceof RelayError ? "" : ` (${printAddress(endpoint)})`;
      return [`${socket.name}${where}`];
    });
  }

  /**
   * Returns a record of each passed socket, for the handover document that this process sends to
   * its successor. `give` passes a descriptor of this process on to the successor, and returns the
   * number that the descriptor gets there.
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
   * Returns the number N of a source `fd:N` that is not in `#sockets`.
   *
   * @throws {RelayError} if the source is not of the kind `fd:N`, or if this process is not the
   * first process
   */
  #numberOf(address: InheritedEndpoint): number {
    // Do not use N in a later process, because the descriptor N may be another file there.
    if (address.kind === "fd" && this.#isFirst) return address.fd;
    throw relayError("listen on", printAddress(address), "EBADF", "nothing was passed under it");
  }
}

/** The address on which a descriptor listens, or the error if the address cannot be read. */
export function endpointOrError(fd: number): SocketEndpoint | RelayError {
  try {
    return endpointOf({ kind: "fd", fd });
  } catch (error) {
    if (error instanceof RelayError) return error;
    throw error;
  }
}

/**
 * Checks that a Unix socket's file gives only permissions that `mode` also gives. If `mode` is
 * undefined, every file is accepted. The relay does not change the permissions itself, because
 * systemd made the file.
 *
 * @throws {RelayError} if the file gives more permissions than `mode`
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
