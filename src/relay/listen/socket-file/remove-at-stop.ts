import { isDescriptorShortage } from "../../../os/descriptor-shortage.ts";
import { errorCode } from "../../../os/errno.ts";
import type { PlacedFile } from "../../kinds-of-source.ts";
import type { Observer } from "../../observer.ts";
import { removeFile } from "./identify-and-remove.ts";

/** The known reasons why a socket file cannot be removed, by the code of unlink(2). */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["EROFS", "its file system is read-only"],
  ["EACCES", "this process may not write in its folder"],
  ["EPERM", "this process may not remove it"],
]);

/**
 * Removes the socket file of a listener that stops. A file that cannot be removed stays, and
 * `reports` learns why: a known reason is a warning, every other error is a fault. Never throws.
 *
 * The removal needs a descriptor. If no descriptor is left and `isLastTry` is false, the file
 * stays, `reports` learns nothing, and the result is false. In this case the caller closes the
 * listener and calls this function again. In all other cases the result is true.
 */
export function removeAtStop(
  file: PlacedFile | null,
  reports: Pick<Observer, "warning" | "fault">,
  { isLastTry = true } = {},
): boolean {
  if (file === null) return true;
  try {
    removeFile(file);
  } catch (error) {
    const code = errorCode(error);
    if (!isLastTry && isDescriptorShortage(code)) return false;
    const reason = REASONS.get(code);
    if (reason === undefined) reports.fault(error);
    else reports.warning(`the socket file ${file.path} stays, because ${reason} (${code})`);
  }
  return true;
}
