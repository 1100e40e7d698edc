import { SYSTEM_UNIT_FOLDERS } from "../../systemd/unit-search-path.ts";

/**
 * Shell patterns for the unit files of this machine's services. The folders of systemd's generators
 * are left out: nearly all services there are steps of the boot, such as the check of a disk, and
 * listen on no address. They would only make the list longer. The user can still type the name of
 * such a service.
 */
export const SERVICE_GLOBS: readonly string[] = SYSTEM_UNIT_FOLDERS.filter(
  (folder) => !folder.startsWith("/run/systemd/generator"),
).map((folder) => `${folder}/*.service`);
