import { FIRST_DESCRIPTOR, withRequest } from "./handover-variable.ts";
import { ownCommand } from "./own-command.ts";

/**
 * Starts this program once more with the descriptors that this process was given. The new process
 * will replace the process that hands over. This process must end after this call. The new process
 * then becomes a child of the service manager or of the first process, which waits for the new
 * process and reads its exit status.
 */
export function detachSuccessor(descriptors: number): void {
  const handed = Array.from({ length: descriptors }, (_, index) => FIRST_DESCRIPTOR + index);
  Bun.spawn([...ownCommand()], {
    env: withRequest(process.env, { step: "take", descriptors }),
    stdio: ["inherit", "inherit", "inherit", ...handed],
  }).unref();
}
