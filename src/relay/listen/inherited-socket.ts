import { fstatSync } from "node:fs";
import type { SocketEndpoint } from "../../address/address.ts";
import { errnoCode } from "../../os/errno.ts";
import { loaded, SO_ACCEPTCONN, SO_TYPE, SOCK_STREAM, SOL_SOCKET } from "../../os/libc.ts";
import { readAddress } from "../../address/socket-address.ts";
import { RelayError } from "../error.ts";
import type { Source } from "./source.ts";

/**
 * Where a source listens, or is to listen.
 *
 * @throws {RelayError} where it is a descriptor that does not listen, with what it is.
 */
export function endpointOf(source: Source): SocketEndpoint {
  switch (source.kind) {
    case "fd":
      return inheritedEndpoint(source.fd);
    case "descriptors":
    case "handed":
      return source.endpoint;
    default:
      return source;
  }
}

/** The address that an inherited descriptor listens on; throws a `RelayError` with what else it is. */
function inheritedEndpoint(fd: number): SocketEndpoint {
  const refuse = (code: string, what: string) =>
    new RelayError(code, `fd:${fd}`, `cannot listen on descriptor ${fd}: ${what}`);
  if (!isOpen(fd)) throw refuse("EBADF", "it is not open; nothing was passed under that number");
  if (loaded.libc === null)
    throw refuse("ENOSYS", `without FFI its kind cannot be told (${loaded.reason})`);
  const { libc } = loaded;
  const type = libc.getOption(fd, SOL_SOCKET, SO_TYPE);
  if (type < 0) throw refuse(errnoCode(type), "it is no socket");
  if (type !== SOCK_STREAM) throw refuse("ESOCKTNOSUPPORT", "it is no stream socket");
  if (libc.getOption(fd, SOL_SOCKET, SO_ACCEPTCONN) !== 1)
    throw refuse("EINVAL", "it does not listen (in a systemd .socket unit: Accept=no)");
  // sockaddr_un, the longest of them, has 110 bytes (unix(7)).
  const bytes = new Uint8Array(128);
  const length = libc.name(fd, bytes);
  const endpoint = length < 0 ? null : readAddress(bytes.subarray(0, length));
  if (endpoint === null) throw refuse("EAFNOSUPPORT", "it is neither TCP nor a Unix socket");
  return endpoint;
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}
