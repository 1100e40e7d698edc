import type { Log } from "../observe/log/log.ts";
import { HeldNotifier } from "../systemd/held-notifier.ts";
import { takeNotifier } from "../systemd/notify-socket.ts";
import { ServiceState, takeWatchdogPeriod } from "../systemd/service-state.ts";
import type { Manager } from "./handover/hand-over.ts";

/** The first process of a PID namespace, to which all orphans come (pid_namespaces(7)). */
export const INIT = 1;

/** A service manager that asked to be told of this process. */
export interface ServiceManager {
  readonly service: ServiceState;
  /**
   * The manager, to be told of the next main process; null in the first process of a container, which
   * stays the main one: it must not end before the others.
   */
  readonly manager: Manager | null;
}

interface ServiceNeeds {
  readonly log: Log;
  readonly drainTimeout: number;
  /** Whether this process is the main one from the start on; else `release` of the notifier says so. */
  readonly isMain: boolean;
  /** Settles once every relaying thread has answered. */
  readonly responds: () => Promise<void>;
}

/**
 * Meets the service manager, if one asks to be told (sd_notify(3)): null otherwise. The variables are
 * removed from the environment.
 */
export function meetServiceManager(needs: ServiceNeeds): ServiceManager | null {
  const socket = process.env["NOTIFY_SOCKET"];
  const plain = takeNotifier(process.env, (message) =>
    needs.log.warn(message, { event: "warning" }),
  );
  const watchdogPeriod = takeWatchdogPeriod(process.env, process.pid);
  if (plain === null || socket === undefined) return null;
  const notifier = new HeldNotifier(plain);
  if (needs.isMain) notifier.release();
  return {
    service: new ServiceState(notifier, watchdogPeriod, needs.drainTimeout, needs.responds),
    manager: process.pid === INIT ? null : { notifier, socket },
  };
}
