import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import { errorCode } from "../../os/errno.ts";
import { relayError } from "../../relay/error.ts";
import { listenOnPath } from "../../relay/listen/socket-file/listen-on-path.ts";
import { removeFile } from "../../relay/listen/socket-file/placed-file.ts";
import type { VisitHandlers, VisitListener } from "./bounded-http-server.ts";

/** A bound admin address. */
export interface BoundAdmin {
  readonly listener: VisitListener;
  /** The address, with the port that the system chose if port 0 was asked for. */
  readonly endpoint: SocketEndpoint;
  /** Removes a Unix socket's file. */
  readonly hide: () => void;
}

/**
 * Listens on an admin address.
 *
 * @param mode - permissions of a Unix socket's file
 * @throws {RelayError} if the address cannot be listened on
 */
export async function bindAdmin(
  endpoint: SocketEndpoint,
  handlers: VisitHandlers,
  mode: number,
): Promise<BoundAdmin> {
  const stays = () => {};
  const socket = handlers;
  try {
    switch (endpoint.kind) {
      case "tcp": {
        const { host, port } = endpoint;
        const listener = Bun.listen({ hostname: host, port, allowHalfOpen: true, socket });
        return { listener, endpoint: { ...endpoint, port: listener.port }, hide: stays };
      }
      case "abstract": {
        const unix = `\0${endpoint.name}`;
        return {
          listener: Bun.listen({ unix, allowHalfOpen: true, socket }),
          endpoint,
          hide: stays,
        };
      }
      case "unix": {
        const placed = await listenOnPath(endpoint.path, { mode }, (unix) =>
          Bun.listen({ unix, allowHalfOpen: true, socket }),
        );
        return { listener: placed.listener, endpoint, hide: () => removeFile(placed.file) };
      }
    }
  } catch (error) {
    const fix =
      errorCode(error) === "EADDRINUSE" ? "choose another address for --admin" : "see --admin";
    throw relayError("listen on", printAddress(endpoint), error, fix);
  }
}
