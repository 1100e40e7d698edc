import { SYSTEM_UNIT_FOLDERS } from "../../systemd/unit-search-path.ts";

/**
 * Shell patterns for the unit files of this machine's services. The folders into which systemd's
 * generators write units are left out.
 */
export const SERVICE_GLOBS: readonly string[] = SYSTEM_UNIT_FOLDERS.filter(
  (folder) => !folder.startsWith("/run/systemd/generator"),
).map((folder) => `${folder}/*.service`);
