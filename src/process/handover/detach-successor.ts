import { FIRST_DESCRIPTOR, withRequest } from "./handover-variable.ts";
import { ownCommand } from "./own-command.ts";

/**
 * Starts this program once more, as the successor, and passes descriptors on to the successor. The
 * caller is a child process that the predecessor has started only for this call. The caller must
 * end after the call. The successor is then an orphan. Its new parent is the service manager or, if
 * the first process stays as the parent of all later processes, the first process. The new parent
 * waits for the successor's exit status.
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
