import { SYSTEM_UNIT_FOLDERS } from "../../systemd/unit-folders.ts";

/** Patterns for the files of all services that the machine has. */
export const SERVICE_GLOBS: readonly string[] = SYSTEM_UNIT_FOLDERS.filter(
  (folder) => !folder.startsWith("/run/systemd/generator"),
).map((folder) => `${folder}/*.service`);
