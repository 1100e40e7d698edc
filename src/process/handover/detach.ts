import { FIRST_DESCRIPTOR, withRequest } from "./handover-variable.ts";
import { ownCommand } from "./own-program.ts";

/**
 * Starts this program once more with the descriptors that it was given, to take the place of the
 * process that hands over. This process is to end then: the new one becomes a child of the service
 * manager or of the first process, which learns of its end and takes its exit status.
 */
export function detach(descriptors: number): void {
  const handed = Array.from({ length: descriptors }, (_, index) => FIRST_DESCRIPTOR + index);
  Bun.spawn([...ownCommand()], {
    env: withRequest(process.env, { step: "take", descriptors }),
    stdio: ["inherit", "inherit", "inherit", ...handed],
  }).unref();
}
