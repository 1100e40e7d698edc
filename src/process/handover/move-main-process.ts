import type { Libc } from "../../os/libc.ts";
import {
  announceMainProcess,
  MainProcessError,
  nameMainProcess,
} from "../../systemd/announce-main-process.ts";
import type { HandoverNotifier } from "../../systemd/hold-messages-during-handover.ts";
import { HandoverError } from "./handover-error.ts";
import type { Successor } from "./start-successor.ts";

/** The notifier and the socket for messages to the service manager (sd_notify(3)). */
export interface Manager {
  readonly notifier: HandoverNotifier;
  /** The value of NOTIFY_SOCKET. */
  readonly socket: string;
}

interface MoveNeeds {
  readonly libc: Libc;
  /** If this signal is aborted, nobody waits for the service manager any more. */
  readonly signal: AbortSignal;
  /** Warns of a problem that does not stop the handover. */
  warn(message: string): void;
}

/**
 * Tells the service manager that the successor is the new main process. Otherwise the manager would
 * take the end of this process for the end of the service.
 *
 * @throws {HandoverError} if the manager cannot be told, or if the successor has ended. After this
 *   error, this process is the main process and may send messages to the manager.
 */
export async function moveMainProcess(
  manager: Manager,
  successor: Successor,
  needs: MoveNeeds,
): Promise<void> {
  const { notifier, socket } = manager;
  const { libc, signal, warn } = needs;
  const { pid } = successor;
  notifier.hold();
  try {
    const doubt = await announceMainProcess(
      {
        ...{ system: libc, notifySocket: socket, notifier },
        isOver: () => signal.aborted || successor.isGone,
      },
      pid,
    );
    await successor.check();
    if (doubt !== null)
      warn(`the service manager may not know that its main process is ${pid}: ${doubt}`);
  } catch (error) {
    if (error instanceof HandoverError) await stayMainProcess(manager, needs);
    notifier.release();
    if (!(error instanceof MainProcessError)) throw error;
    await successor.check();
    successor.giveUp();
    throw new HandoverError(`the service manager cannot be told: ${error.message}`);
  }
  notifier.silence();
}

/** Tells the service manager that this process is the main process again. */
async function stayMainProcess(
  { notifier, socket }: Manager,
  { libc, signal, warn }: MoveNeeds,
): Promise<void> {
  const { pid } = process;
  try {
    const isOver = () => signal.aborted;
    await nameMainProcess({ system: libc, notifySocket: socket, notifier, isOver }, pid);
  } catch (error) {
    if (!(error instanceof MainProcessError)) throw error;
    warn(`the service manager may not know that its main process is ${pid}: ${error.message}`);
  }
}
