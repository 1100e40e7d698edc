import type { StatusDocument } from "../admin/status-document.ts";

const PERIOD_MS = 1_000;
const PATIENCE_MS = 5_000;

/**
 * Asks for the status once per second while the page is visible and not paused. Each request waits for
 * the previous answer.
 */
export class Poll {
  readonly #url: () => string;
  readonly #answered: (status: StatusDocument) => void;
  readonly #failed: (reason: string) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = false;
  /** Whether to ask again as soon as the current request has its answer. */
  #urgent = false;
  #paused = false;

  constructor(
    url: () => string,
    answered: (status: StatusDocument) => void,
    failed: (reason: string) => void,
  ) {
    this.#url = url;
    this.#answered = answered;
    this.#failed = failed;
    document.addEventListener("visibilitychange", () => this.now());
    this.now();
  }

  get paused(): boolean {
    return this.#paused;
  }

  set paused(paused: boolean) {
    this.#paused = paused;
    if (!paused) this.now();
  }

  /** Asks now, or as soon as the current request has its answer. */
  now(): void {
    if (this.#asking) {
      this.#urgent = true;
      return;
    }
    clearTimeout(this.#timer);
    void this.#ask();
  }

  async #ask(): Promise<void> {
    if (document.hidden) return;
    this.#asking = true;
    this.#urgent = false;
    try {
      const response = await fetch(this.#url(), { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      const status: StatusDocument = await response.json();
      this.#answered(status);
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : String(error));
    } finally {
      this.#asking = false;
    }
    if (this.#urgent) this.now();
    else if (!this.#paused) this.#timer = setTimeout(() => this.now(), PERIOD_MS);
  }
}
