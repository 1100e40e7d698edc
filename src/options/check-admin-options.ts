import type { SocketEndpoint } from "../address/address.ts";

/** The admin address, and the options for the file of an admin socket. */
interface AdminFile {
  readonly admin?: SocketEndpoint | undefined;
  readonly adminMode?: number | undefined;
  readonly adminGroup?: number | undefined;
}

/**
 * Finds an option that has no effect: a given option for the file of the admin socket, if no admin
 * address is given or the admin address is not a path. Returns the first such option, or
 * `undefined` if there is none. The caller must refuse the option, because the user believes that
 * it protects the admin socket.
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
