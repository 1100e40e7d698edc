import { INT_MAX } from "../os/int-max.ts";
import type { Notifier } from "./notify-socket.ts";

/**
 * Sends watchdog messages to the service manager as long as every relaying thread answers. Without
 * these messages the manager ends the service (systemd.service(5), WatchdogSec=).
 */
export class Watchdog implements Disposable {
  readonly #notifier: Notifier;
  readonly #responds: () => Promise<void>;
  readonly #timer: Timer;
  /** True while this object waits for the answers of the relaying threads. */
  #asking = false;

  /**
   * @param period - the time between two watchdog messages, in milliseconds
   * @param responds - resolves after every relaying thread has answered
   */
  constructor(notifier: Notifier, period: number, responds: () => Promise<void>) {
    this.#notifier = notifier;
    this.#responds = responds;
    this.#timer = setInterval(() => void this.#feed(), period);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #feed(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    await this.#responds();
    this.#asking = false;
    this.#notifier.notify({ WATCHDOG: "1" });
  }
}

/**
 * The period of watchdog messages in milliseconds: half of WATCHDOG_USEC (sd_watchdog_enabled(3)).
 * Null if the service manager wants no watchdog messages, or wants the messages of another process
 * (WATCHDOG_PID). Removes WATCHDOG_USEC and WATCHDOG_PID from `env`.
 */
export function takeWatchdogPeriod(env: NodeJS.ProcessEnv, pid: number): number | null {
  const microseconds = env["WATCHDOG_USEC"] ?? "";
  const forPid = env["WATCHDOG_PID"];
  delete env["WATCHDOG_USEC"];
  delete env["WATCHDOG_PID"];
  if (forPid !== undefined && Number(forPid) !== pid) return null;
  if (!/^[1-9]\d{0,15}$/.test(microseconds)) return null;
  return Math.min(Math.max(1, Number(microseconds) / 2_000), INT_MAX);
}
