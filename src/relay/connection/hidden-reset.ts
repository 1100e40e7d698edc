import type { Libc } from "../../os/libc.ts";
import { readBytesReceived } from "../../os/tcp-info.ts";

/** A TCP side of a connection that the kernel has closed. */
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
export function isHiddenReset(system: Libc, side: RefusingSide): boolean {
  const excess = receivedBeyondBytes(system, side);
  return excess !== null && excess <= 0;
}

/**
 * Returns whether the peer of a TCP side had ended its stream before it reset the connection. Call
 * this when a write, or SO_ERROR, reports ECONNRESET for a side to which the relay has sent its own
 * end of stream. (A read reports ECONNRESET only if there was no FIN: `Side.readFailed`.)
 *
 * The kernel reports EPIPE for a reset that comes after the peer's FIN. But if the relay has sent a
 * FIN as well, the kernel reports ECONNRESET (tcp_reset()), as for a reset without a FIN.
 *
 * The relay does not read urgent bytes, so one urgent byte looks like a FIN here. This function
 * then takes the reset for one that came after the end of the stream.
 */
export function hasEndedBeforeReset(system: Libc, side: RefusingSide): boolean {
  return receivedBeyondBytes(system, side) === 1;
}

/**
 * Returns how much larger the kernel's count of received bytes is than the number of bytes that
 * were read or are unread; null if the kernel does not tell. A FIN counts as one byte.
 */
function receivedBeyondBytes(
  system: Libc,
  { fd, headerBytes, inbound }: RefusingSide,
): number | null {
  const received = readBytesReceived(system, fd);
  if (received === null) return null;
  return received - headerBytes - inbound.bytesRead - Math.max(system.unread(fd), 0);
}
