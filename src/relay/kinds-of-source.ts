import type { SocketEndpoint } from "../address/address.ts";

/** A relay's source: an address to bind, or sockets that already listen. */
export type Source = SocketEndpoint | InheritedDescriptor | ListeningDescriptors | HandedSource;

/**
 * A listening descriptor that this process inherited. The kernel knows the address of the socket.
 */
export interface InheritedDescriptor {
  readonly kind: "fd";
  readonly fd: number;
}

/**
 * The listening descriptors of one source, together with the endpoint of the source. Used if
 * another thread has bound the source, or if the socket was passed to this process, for example by
 * systemd.
 */
export interface ListeningDescriptors {
  readonly kind: "descriptors";
  /** The descriptors, at least one. */
  readonly fds: readonly number[];
  /**
   * The endpoint of the source. Do not ask the kernel for the endpoint, because its answer may be
   * outdated: a socket file may have moved.
   */
  readonly endpoint: SocketEndpoint;
}

/** Identifies a file on this machine while the file exists (stat(2)). */
export interface FileIdentity {
  /** The device number of the file's file system, as decimal text. */
  readonly dev: string;
  /**
   * The inode number, as decimal text, because an inode number may not fit into a JavaScript
   * number.
   */
  readonly ino: string;
}

/**
 * A socket file that a relay created, and the path of the file. This is a plain value, so another
 * thread, or the next process of a handover, can use it to watch and remove the file.
 *
 * The inode number identifies the file safely, because the kernel does not reuse the number until
 * the file is removed and its socket is closed.
 */
export interface PlacedFile {
  readonly path: string;
  readonly identity: FileIdentity;
}

/** The source that a relay in another process hands over to a relay in this process. */
export interface HandedSource {
  readonly kind: "handed";
  /** The endpoint of the source, with the port that the system chose if port 0 was asked for. */
  readonly endpoint: SocketEndpoint;
  /** The listening descriptors, at least one. The relay that listens on this source owns them. */
  readonly fds: readonly number[];
  /** The file of a Unix source; null for other sources. */
  readonly file: FileIdentity | null;
  /** The queue length that the handing-over relay requested from the kernel; null if unknown. */
  readonly backlog: number | null;
}

/**
 * One client that is already connected, in place of a source. The relay listens on nothing and
 * accepts nobody else.
 */
export interface ConnectedSource {
  readonly kind: "connected";
  /** The connected stream socket. The relay owns it. */
  readonly fd: number;
  /** The address that the client connected to. */
  readonly endpoint: SocketEndpoint;
}

/** Returns whether another process or thread owns a source and may continue to listen on it. */
export function isInherited(source: Source | ConnectedSource): boolean {
  return source.kind === "fd" || source.kind === "descriptors";
}

/** Returns the socket file of a handed-over source; null if there is none. */
export function handedFile({ endpoint, file }: HandedSource): PlacedFile | null {
  if (endpoint.kind !== "unix" || file === null) return null;
  return { path: endpoint.path, identity: file };
}
