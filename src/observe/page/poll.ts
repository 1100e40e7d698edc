import type { StatusDocument } from "../admin/status-format.ts";

const PERIOD_MS = 1_000;
// The time between two requests while the tab is in the background. This time is long, because the
// reader then sees only the page's title.
const HIDDEN_PERIOD_MS = 10_000;
const PATIENCE_MS = 5_000;

/** The failure of a status request. */
export interface PollFailure {
  /** The reason, in words. */
  readonly reason: string;
  /** The HTTP status of the answer; null if there was no answer. */
  readonly status: number | null;
}

class BadAnswer extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Requests the status once per second, and less often while the page is hidden. A paused poll sends
 * no periodic request. Each request waits for the answer to the previous one.
 */
export class Poll {
  readonly #url: () => string;
  readonly #answered: (status: StatusDocument) => void;
  readonly #failed: (failure: PollFailure) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = false;
  /** Whether the next request should be sent as soon as the current request is over. */
  #urgent = false;
  #paused = false;

  constructor(
    url: () => string,
    answered: (status: StatusDocument) => void,
    failed: (failure: PollFailure) => void,
  ) {
    this.#url = url;
    this.#answered = answered;
    this.#failed = failed;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.#paused) this.now();
    });
    this.now();
  }

  get paused(): boolean {
    return this.#paused;
  }

  set paused(paused: boolean) {
    this.#paused = paused;
    if (!paused) this.now();
    else clearTimeout(this.#timer);
  }

  /** Sends a request now, or as soon as the current request is over. */
  now(): void {
    if (this.#asking) {
      this.#urgent = true;
      return;
    }
    clearTimeout(this.#timer);
    void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    this.#urgent = false;
    try {
      const response = await fetch(this.#url(), { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (!response.ok) throw new BadAnswer(response.status, (await response.text()).trim());
      const status: StatusDocument = await response.json();
      this.#answered(status);
    } catch (error) {
      this.#failed(failureOf(error));
    } finally {
      this.#asking = false;
    }
    if (this.#urgent) this.now();
    else if (!this.#paused)
      this.#timer = setTimeout(() => this.now(), document.hidden ? HIDDEN_PERIOD_MS : PERIOD_MS);
  }
}

function failureOf(error: unknown): PollFailure {
  if (error instanceof BadAnswer) return { reason: error.message, status: error.status };
  if (error instanceof DOMException && error.name === "TimeoutError")
    return { reason: `nothing came within ${PATIENCE_MS / 1_000} s`, status: null };
  // fetch() throws a TypeError if it cannot connect (Fetch Standard, 5.6). Each browser has its own
  // message for this error, so use a message of our own.
  if (error instanceof TypeError)
    return { reason: `${location.host} cannot be reached`, status: null };
  throw error;
}
