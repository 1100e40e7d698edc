/** Time limits of a drain, in milliseconds; Infinity for no limit. */
export interface StopPatience {
  /** How long the whole drain may take. */
  readonly drainTimeout: number;
  /** How long a connection may go without moving a byte. */
  readonly standstillTimeout: number;
}

/** Waits until all connections have ended by themselves. */
export const NO_LIMITS: StopPatience = { drainTimeout: Infinity, standstillTimeout: Infinity };
