import { checked } from "../../os/errno.ts";
import { AF_UNIX, libc, SOCK_STREAM } from "../../os/libc.ts";
import { abstractAddress, unixAddress } from "../../address/socket-address.ts";
import { type AcceptHandlers, type BunListener, listenOn } from "./pausable-listener.ts";

/**
 * Binds a Unix socket and listens.
 *
 * Without FFI Bun binds it: a name of 107 bytes is then one too long for an abstract socket, and
 * `stop()` removes whatever file has the path by then.
 *
 * @throws the system's error.
 */
export function listenOnUnix(
  endpoint: { readonly path: string } | { readonly name: string },
  handlers: AcceptHandlers,
): BunListener {
  if (libc === null) {
    const unix = "path" in endpoint ? endpoint.path : `\0${endpoint.name}`;
    return Bun.listen({ unix, allowHalfOpen: true, socket: handlers });
  }
  const fd = checked(libc.socket(AF_UNIX, SOCK_STREAM));
  const { bytes } =
    "path" in endpoint ? unixAddress(endpoint.path) : abstractAddress(endpoint.name);
  try {
    checked(libc.bind(fd, bytes));
    return listenOn(fd, handlers);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}
