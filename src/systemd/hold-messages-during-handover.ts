import type { QueueingNotifier } from "./notify-socket.ts";

/**
 * Holds back messages to the service manager while another process may be the unit's main process,
 * because the manager accepts messages only from the main process (systemd.service(5),
 * NotifyAccess=main).
 *
 * | phase        | main process             | messages | next phase (method)                |
 * | ------------ | ------------------------ | -------- | ---------------------------------- |
 * | held (first) | perhaps another process  | held     | main (`release`), past (`silence`) |
 * | main         | this process             | sent     | held (`hold`)                      |
 * | past         | another process for good | dropped  | none                               |
 */
export class HandoverNotifier implements QueueingNotifier {
  readonly #notifier: QueueingNotifier;
  #waiting: Record<string, string> = {};
  #phase: "held" | "main" | "past" = "held";

  constructor(notifier: QueueingNotifier) {
    this.#notifier = notifier;
  }

  /** Whether a message waits for room in the manager's queue. Held messages do not count. */
  get isWaiting(): boolean {
    return this.#notifier.isWaiting;
  }

  notify(assignments: Readonly<Record<string, string>>): void {
    if (this.#phase === "main") this.#notifier.notify(assignments);
    else if (this.#phase === "held") this.#waiting = { ...this.#waiting, ...assignments };
  }

  /** Holds messages from now on, because another process is about to become the main process. */
  hold(): void {
    this.#phase = "held";
  }

  /** Sends the held messages, because this process is now the main process. */
  release(): void {
    this.#phase = "main";
    if (Object.keys(this.#waiting).length > 0) this.#notifier.notify(this.#waiting);
    this.#waiting = {};
  }

  /** Drops held and later messages, because another process is now the main process for good. */
  silence(): void {
    this.#phase = "past";
  }
}
