import { FIRST_DESCRIPTOR, withRequest } from "./handover-variable.ts";
import { ownCommand } from "./own-command.ts";

/**
 * Starts this program once more, as the successor, and passes descriptors on to the successor. Only
 * a helper process calls this function: a child that the predecessor started for this one step. The
 * helper ends right after the call, and the successor becomes an orphan. An orphan gets a new
 * parent, which collects the orphan's exit status: the service manager, if there is one; otherwise
 * the first process of all handovers, which has made itself the parent of orphans.
 *
 * @param descriptors - the number of descriptors to pass on; the first is the descriptor
 * `FIRST_DESCRIPTOR`, and the others follow it
 */
export function detachSuccessor(descriptors: number): void {
  const handed = Array.from({ length: descriptors }, (_, index) => FIRST_DESCRIPTOR + index);
  Bun.spawn([...ownCommand()], {
    env: withRequest(process.env, { step: "take", descriptors }),
    stdio: ["inherit", "inherit", "inherit", ...handed],
  }).unref();
}
