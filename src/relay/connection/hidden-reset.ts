import type { Libc } from "../../os/libc.ts";
import { readBytesReceived } from "../../os/tcp-info.ts";

/** A side of a connection on which a write has failed with EPIPE. */
interface RefusingSide {
  readonly fd: number;
  /** The number of bytes that the relay read from this side before the connection began. */
  readonly headerBytes: number;
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
 * The count of received bytes can also contain bytes that the relay did not read: bytes that
 * another program read before the relay got the socket, and urgent bytes. The function then trusts
 * the kernel and returns false.
 */
export function isHiddenReset(system: Libc, { fd, headerBytes, inbound }: RefusingSide): boolean {
  const received = readBytesReceived(system, fd);
  if (received === null) return false;
  const read = headerBytes + inbound.bytesRead;
  return received <= read + Math.max(system.unread(fd), 0);
}
