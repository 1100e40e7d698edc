import { absolutePath } from "../../os/canonical-path.ts";
import type { OptionValues } from "../../options/option-table.ts";
import { folderOf, hiderOf } from "../../systemd/units/directives-for-paths.ts";
import { hasControls } from "../../systemd/units/unit-escaping.ts";
import { UsageError } from "../line/usage-error.ts";
import { anyUsersPath } from "./paths-for-any-user.ts";

/**
 * Returns the path of the configuration file, as the service's command line has it.
 *
 * @throws {UsageError} if the path has a control character, which a unit cannot contain; if the
 *   file is in a folder such as /tmp, in whose place the service sees a folder of its own; or if
 *   the file is directly in /home or /root, because the service gets access to the file's folder
 */
export function configPath(written: string, { userUnit }: OptionValues): string {
  const path = absolutePath(written);
  if (hasControls(path))
    throw new UsageError("--config: FILE has a control character; a unit cannot contain it");
  if (hiderOf(path) === "tmp")
    throw new UsageError(
      "--config: the service has its own /tmp and cannot read FILE there: move FILE to /etc",
    );
  if (["/home", "/root"].includes(folderOf(path)))
    throw new UsageError(
      `--config: the service would see everything in ${folderOf(path)}: move FILE to /etc`,
    );
  return userUnit ? anyUsersPath(path) : path;
}
