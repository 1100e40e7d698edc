import type { Libc } from "../../os/libc.ts";
import { readBytesReceived } from "../../os/tcp-info.ts";

/** A side of a connection on which a write has failed with EPIPE. */
interface RefusingSide {
  readonly fd: number;
  /** The pipe that reads from this side. */
  readonly inbound: { readonly bytesRead: number };
}

/**
 * Returns whether a TCP side has failed although the kernel reports an end of stream. Call this
 * when a write to the side has failed with EPIPE.
 *
 * One splice(2) to a socket makes several sends. If the side is reset between two of them,
 * splice(2) returns the number of bytes of the earlier sends, but the failed send has removed the
 * error from the socket (sk_stream_error()). After that, writes fail with EPIPE and reads find the
 * end of the stream, as if the peer had ended its stream. But a peer that has ended its stream has
 * sent a FIN, and the kernel counts the FIN as a received byte. So without this extra byte the side
 * was reset.
 *
 * Some bytes may have been read before the connection began, by another program or as a PROXY
 * header. In this case the function returns true even if the peer has sent a FIN.
 */
export function isHiddenReset(system: Libc, { fd, inbound }: RefusingSide): boolean {
  const received = readBytesReceived(system, fd);
  if (received === null) return false;
  return received - inbound.bytesRead - Math.max(system.unread(fd), 0) !== 1;
}
