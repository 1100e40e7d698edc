import type { SocketEndpoint } from "../address/address.ts";

/** The admin address, and the options for the file of an admin socket. */
interface AdminFile {
  readonly admin?: SocketEndpoint | undefined;
  readonly adminMode?: number | undefined;
  readonly adminGroup?: number | undefined;
}

/**
 * The first option for the admin socket's file that was given although the admin address is not a
 * file; `undefined` if there is no such option. The caller must refuse the option, because the mode
 * of a port would protect nothing.
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
