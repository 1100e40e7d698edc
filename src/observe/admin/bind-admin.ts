import type { SocketEndpoint } from "../../address/address.ts";
import { openListeners } from "../../relay/listen/open-listeners.ts";
import type { PausableListener } from "../../relay/listen/pausable-listener.ts";
import type { HandedSource } from "../../relay/kinds-of-source.ts";
import { removeAtStop } from "../../relay/listen/socket-file/remove-at-stop.ts";
import type { Observer } from "../../relay/observer.ts";
import type { HttpConnectionHandlers } from "./http-connection.ts";

// The maximum number of clients that wait in the kernel's queue of a listening socket until the
// server accepts them.
const BACKLOG = 512;

/** The permissions of a Unix socket's file. */
export interface AdminPermissions {
  readonly mode: number;
  /** A group id; undefined for this process's own group. */
  readonly group: number | undefined;
}

/** A bound address of an admin or metrics server. */
export interface BoundAdmin {
  readonly listeners: PausableListener;
  /** The address, with the port that the system chose if port 0 was asked for. */
  readonly endpoint: SocketEndpoint;
  /**
   * Returns the listening sockets, so that the caller can hand them over to another process. This
   * process's descriptors of the sockets stay open.
   */
  readonly forHandover: () => HandedSource;
  /**
   * Removes the file of a Unix socket; does nothing if the address has no file. If the file cannot
   * be removed, `reports` gets the reason.
   */
  readonly hide: (reports: Pick<Observer, "warning" | "fault">) => void;
}

/**
 * Listens on the address of an admin or metrics server.
 *
 * @param address - the address, or listening sockets that another process handed over
 * @param permissions - the permissions of a Unix socket's file
 * @param option - the option that the address comes from, for an error message
 * @throws {RelayError} if the address cannot be listened on
 */
export async function bindAdmin(
  address: SocketEndpoint | HandedSource,
  handlers: HttpConnectionHandlers,
  permissions: AdminPermissions,
  option: string,
): Promise<BoundAdmin> {
  const options = { ...permissions, backlog: BACKLOG, keepalive: 0, option };
  const { listeners, endpoint, file } = await openListeners(address, options, handlers);
  const { descriptors: fds } = listeners;
  return {
    ...{ listeners, endpoint },
    forHandover: () => {
      return { kind: "handed", endpoint, fds, file: file?.identity ?? null, backlog: BACKLOG };
    },
    hide: (reports) => removeAtStop(file, reports),
  };
}
