import type { SocketEndpoint } from "../address/address.ts";

/** The admin address, and the options for the file of an admin socket. */
interface AdminFile {
  readonly admin?: SocketEndpoint | undefined;
  readonly adminMode?: number | undefined;
  readonly adminGroup?: number | undefined;
}

/**
 * Returns `adminMode` or `adminGroup` if the option is given but has no effect, because the admin
 * address is not the path of a socket file or is not given. `undefined` if there is no such option.
 * The caller must refuse the option, because the user believes that the option protects the admin
 * socket.
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
