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
 */
export function removeAtStop(
  file: PlacedFile | null,
  reports: Pick<Observer, "warning" | "fault">,
): void {
  if (file === null) return;
  try {
    removeFile(file);
  } catch (error) {
    const code = errorCode(error);
    const reason = REASONS.get(code);
    if (reason === undefined) reports.fault(error);
    else reports.warning(`the socket file ${file.path} stays, because ${reason} (${code})`);
  }
}
