import type { SocketEndpoint } from "../../address/address.ts";
import type { FileIdentity, PlacedFile } from "./socket-file/placed-file.ts";

/** What a relay can listen on: an address that it binds, or sockets that listen already. */
export type Source = SocketEndpoint | InheritedDescriptor | ListeningDescriptors | HandedSource;

/** A descriptor that this process was started with; the kernel says where it listens. */
export interface InheritedDescriptor {
  readonly kind: "fd";
  readonly fd: number;
}

/** Descriptors that listen already and together are one source, which another thread has bound. */
export interface ListeningDescriptors {
  readonly kind: "descriptors";
  /** At least one. */
  readonly fds: readonly number[];
  /** Where they listen. The kernel may know worse: the file may have been moved since. */
  readonly endpoint: SocketEndpoint;
}

/**
 * A source that a relay opened, as it hands it on to a relay in another process. That one accepts
 * nobody before it is told to.
 */
export interface HandedSource {
  readonly kind: "handed";
  /** Where the source listens: with the port that the system chose where 0 was asked. */
  readonly endpoint: SocketEndpoint;
  /** The listening descriptors, at least one; they are the relay's that listens on this source. */
  readonly fds: readonly number[];
  /** The file of a Unix source; null of any other. */
  readonly file: FileIdentity | null;
}

/** Whether a source belongs to somebody else, who may go on listening on it. */
export function isInherited(source: Source): boolean {
  return source.kind === "fd" || source.kind === "descriptors";
}

/** The file of a source that was handed on; null if it has none. */
export function handedFile({ endpoint, file }: HandedSource): PlacedFile | null {
  if (endpoint.kind !== "unix" || file === null) return null;
  return { path: endpoint.path, identity: file };
}
