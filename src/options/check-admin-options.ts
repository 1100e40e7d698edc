import type { SocketEndpoint } from "../address/address.ts";

/** The admin address, and the options for the file of an admin socket. */
interface AdminFile {
  readonly admin?: SocketEndpoint | undefined;
  readonly adminMode?: number | undefined;
  readonly adminGroup?: number | undefined;
}

/**
 * The first option for the admin socket's file that was given, if there is no admin address or it
 * is not the path of a file; otherwise `undefined`. The caller must refuse the option, because
 * there is no file that it could protect.
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
