import type { SocketEndpoint } from "../../address/address.ts";
import { errnoCode } from "../../os/errno.ts";
import { isOpenDescriptor } from "../../os/is-open-descriptor.ts";
import { loaded } from "../../os/libc.ts";
import { SO_ACCEPTCONN, SO_TYPE, SOCK_STREAM, SOL_SOCKET } from "../../os/linux-constants.ts";
import { readAddress } from "../../address/socket-address.ts";
import { RelayError } from "../error.ts";
import type { ConnectedSource, Source } from "../kinds-of-source.ts";

/**
 * Returns the endpoint on which a source listens or will listen.
 *
 * @throws {RelayError} if the source is a descriptor that does not listen. The message says what
 * the descriptor is.
 */
export function endpointOf(source: Source | ConnectedSource): SocketEndpoint {
  switch (source.kind) {
    case "fd":
      return inheritedEndpoint(source.fd);
    case "descriptors":
    case "handed":
    case "connected":
      return source.endpoint;
    default:
      return source;
  }
}

/**
 * The address on which an inherited descriptor listens. Throws a `RelayError` if the descriptor
 * does not listen.
 */
function inheritedEndpoint(fd: number): SocketEndpoint {
  const refuse = (code: string, what: string) =>
    new RelayError(code, `fd:${fd}`, `cannot listen on descriptor ${fd}: ${what}`);
  if (!isOpenDescriptor(fd))
    throw refuse("EBADF", "it is not open; no descriptor with that number was passed");
  if (loaded.libc === null)
    throw refuse("ENOSYS", `without FFI its type cannot be checked (${loaded.reason})`);
  const { libc } = loaded;
  const type = libc.getOption(fd, SOL_SOCKET, SO_TYPE);
  if (type < 0) throw refuse(errnoCode(type), "it is not a socket");
  if (type !== SOCK_STREAM) throw refuse("ESOCKTNOSUPPORT", "it is not a stream socket");
  if (libc.getOption(fd, SOL_SOCKET, SO_ACCEPTCONN) !== 1)
    throw refuse("EINVAL", "it does not listen (in a systemd .socket unit: Accept=no)");
  // sockaddr_un, the longest sockaddr here, has 110 bytes (unix(7)).
  const bytes = new Uint8Array(128);
  const length = libc.name(fd, bytes);
  const endpoint = length < 0 ? null : readAddress(bytes.subarray(0, length));
  if (endpoint === null)
    throw refuse("EAFNOSUPPORT", "it is neither a TCP socket nor a Unix socket");
  return endpoint;
}
