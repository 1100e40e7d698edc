/** How long a stop waits for open connections; in milliseconds, Infinity for no limit. */
export interface StopPatience {
  /** For all of them. */
  readonly drainTimeout: number;
  /** For a connection on which nothing moves. */
  readonly stillTimeout: number;
}

/** Waits for as long as connections live. */
export const NO_LIMITS: StopPatience = { drainTimeout: Infinity, stillTimeout: Infinity };
