import type { Log } from "../observe/log/log.ts";
import { HandoverNotifier } from "../systemd/hold-messages-during-handover.ts";
import { takeNotifier } from "../systemd/notify-socket.ts";
import { ServiceState } from "../systemd/report-service-state.ts";
import { takeWatchdogPeriod, Watchdog } from "../systemd/watchdog.ts";
import type { Manager } from "./handover/move-main-process.ts";

/**
 * The id of the first process of a PID namespace. The process with this id becomes the parent of
 * all orphans of the namespace (pid_namespaces(7)).
 */
export const INIT = 1;

/** The objects through which this process talks to its service manager. */
export interface ServiceManager {
  readonly service: ServiceState;
  readonly notifier: HandoverNotifier;
  /**
   * The notifier and the socket with which a handover tells the service manager that the successor
   * is the new main process. Null if the first process of the PID namespace is this process or an
   * earlier one, for example in a container. The first process stays the main process after each
   * handover, because the other processes of the namespace are killed when it ends
   * (pid_namespaces(7)).
   */
  readonly manager: Manager | null;
}

interface ServiceNeeds {
  readonly log: Log;
  readonly drainTimeout: number;
  /**
   * Whether this process is the main process from its start. If false, `notifier` holds back all
   * messages to the service manager until `notifier.release` is called.
   */
  readonly isMain: boolean;
  /** Whether the first process stays as the parent of all later processes (`ParentProcess`). */
  readonly hasParent: boolean;
  /**
   * Asks every thread that carries connections to prove that it is not blocked; settles after all
   * these threads have answered.
   */
  readonly responds: () => Promise<void>;
}

/**
 * Finds the service manager by the variable NOTIFY_SOCKET (sd_notify(3)), and removes this variable
 * and the watchdog's variables from the environment. Returns null if there is no service manager.
 */
export function findServiceManager(needs: ServiceNeeds): ServiceManager | null {
  const socket = process.env["NOTIFY_SOCKET"];
  const plain = takeNotifier(process.env, (message) =>
    needs.log.warn(message, { event: "warning" }),
  );
  const watchdogPeriod = takeWatchdogPeriod(process.env, process.pid);
  if (plain === null || socket === undefined) return null;
  const notifier = new HandoverNotifier(plain);
  if (needs.isMain) notifier.release();
  const watchdog =
    watchdogPeriod === null ? null : new Watchdog(notifier, watchdogPeriod, needs.responds);
  return {
    service: new ServiceState(notifier, needs.drainTimeout, watchdog),
    notifier,
    manager: process.pid === INIT || needs.hasParent ? null : { notifier, socket },
  };
}
