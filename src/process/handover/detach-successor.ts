import { FIRST_DESCRIPTOR, withRequest } from "./handover-variable.ts";
import { ownCommand } from "./own-command.ts";

/**
 * Starts this program once more, as the successor, and passes this process's descriptors on to it.
 * The predecessor has started this process only for this step, so this process must end after the
 * call. Its end makes the successor a child of the service manager, or of the first process if that
 * process stays as the parent of all later processes. The new parent waits for the successor's exit
 * status.
 *
 * @param descriptors - the number of descriptors to pass on, from number `FIRST_DESCRIPTOR` on
 */
export function detachSuccessor(descriptors: number): void {
  const handed = Array.from({ length: descriptors }, (_, index) => FIRST_DESCRIPTOR + index);
  Bun.spawn([...ownCommand()], {
    env: withRequest(process.env, { step: "take", descriptors }),
    stdio: ["inherit", "inherit", "inherit", ...handed],
  }).unref();
}
