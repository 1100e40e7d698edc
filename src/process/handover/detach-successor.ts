import { FIRST_DESCRIPTOR, withRequest } from "./handover-variable.ts";
import { ownCommand } from "./own-command.ts";

/**
 * Starts this program once more, as the successor, and passes it the descriptors that this process
 * was given. This process only stands between the predecessor and the successor, and must end after
 * this call: its end makes the successor a child of the service manager, or of the first process,
 * which waits for the successor's exit status.
 *
 * @param descriptors - the number of descriptors
 */
export function detachSuccessor(descriptors: number): void {
  const handed = Array.from({ length: descriptors }, (_, index) => FIRST_DESCRIPTOR + index);
  Bun.spawn([...ownCommand()], {
    env: withRequest(process.env, { step: "take", descriptors }),
    stdio: ["inherit", "inherit", "inherit", ...handed],
  }).unref();
}
