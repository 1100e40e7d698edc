import type { Log } from "../observe/log/log.ts";
import { MainProcessNotifier } from "../systemd/main-process-notifier.ts";
import { takeNotifier } from "../systemd/notify-socket.ts";
import { ServiceState } from "../systemd/report-service-state.ts";
import { takeWatchdogPeriod, Watchdog } from "../systemd/watchdog.ts";
import type { Manager } from "./handover/hand-over.ts";

/**
 * The id of the first process of a PID namespace. This process becomes the parent of all orphans of
 * the namespace (pid_namespaces(7)).
 */
export const INIT = 1;

/** A service manager that wants to know the state of this process. */
export interface ServiceManager {
  readonly service: ServiceState;
  /**
   * The manager that must learn which process is the new main process. Null in the first process of
   * a container: this process stays the main process, because it must not end before the other
   * processes of the container.
   */
  readonly manager: Manager | null;
}

interface ServiceNeeds {
  readonly log: Log;
  readonly drainTimeout: number;
  /**
   * Whether this process is the main process from its start. If not, the manager's notifier keeps
   * all messages until its method `release` is called.
   */
  readonly isMain: boolean;
  /** Asks every thread that relays for an answer; settles after all of them have answered. */
  readonly responds: () => Promise<void>;
}

/**
 * Finds the service manager by the variables of the environment (sd_notify(3)); null if there is no
 * manager. Removes these variables from the environment.
 */
export function findServiceManager(needs: ServiceNeeds): ServiceManager | null {
  const socket = process.env["NOTIFY_SOCKET"];
  const plain = takeNotifier(process.env, (message) =>
    needs.log.warn(message, { event: "warning" }),
  );
  const watchdogPeriod = takeWatchdogPeriod(process.env, process.pid);
  if (plain === null || socket === undefined) return null;
  const notifier = new MainProcessNotifier(plain);
  if (needs.isMain) notifier.release();
  const watchdog =
    watchdogPeriod === null ? null : new Watchdog(notifier, watchdogPeriod, needs.responds);
  return {
    service: new ServiceState(notifier, needs.drainTimeout, watchdog),
    manager: process.pid === INIT ? null : { notifier, socket },
  };
}
