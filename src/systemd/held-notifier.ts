import type { Notifier } from "./notify-socket.ts";

/**
 * Keeps what is to be said to the service manager until this process is the unit's main process: the
 * manager listens to no other (systemd.service(5), NotifyAccess=main).
 */
export class HeldNotifier implements Notifier {
  readonly #notifier: Notifier;
  #waiting: Record<string, string> = {};
  #phase: "held" | "main" | "past" = "held";

  constructor(notifier: Notifier) {
    this.#notifier = notifier;
  }

  notify(assignments: Readonly<Record<string, string>>): void {
    if (this.#phase === "main") this.#notifier.notify(assignments);
    else if (this.#phase === "held") this.#waiting = { ...this.#waiting, ...assignments };
  }

  /** This process is the main one now. */
  release(): void {
    this.#phase = "main";
    if (Object.keys(this.#waiting).length > 0) this.#notifier.notify(this.#waiting);
    this.#waiting = {};
  }

  /** Another process is the main one from now on. */
  silence(): void {
    this.#phase = "past";
  }
}
