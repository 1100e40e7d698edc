import type { SocketEndpoint } from "../address/address.ts";

/** The admin address, and the options for the file of an admin socket. */
interface AdminFile {
  readonly admin?: SocketEndpoint | undefined;
  readonly adminMode?: number | undefined;
  readonly adminGroup?: number | undefined;
}

/**
 * Returns the name of an option that was given but has no effect: `adminMode` or `adminGroup`. The
 * two options have an effect only if the admin address is the path of a socket file. The caller
 * must refuse the option, because the user believes that the option protects the admin socket.
 * Returns `undefined` if there is nothing to refuse.
 */
export function adminMisfit({
  admin,
  adminMode,
  adminGroup,
}: AdminFile): "adminMode" | "adminGroup" | undefined {
  if (admin?.kind === "unix") return undefined;
  if (adminMode !== undefined) return "adminMode";
  return adminGroup === undefined ? undefined : "adminGroup";
}
