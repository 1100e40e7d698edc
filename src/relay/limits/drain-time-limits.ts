/** Time limits of a drain, in milliseconds; Infinity for no limit. */
export interface DrainLimits {
  /** The maximum time that the whole drain may take. */
  readonly drainTimeout: number;
  /**
   * The maximum time without a moved byte on a connection; after this time the connection is cut.
   */
  readonly standstillTimeout: number;
}

/** A drain without time limits: it waits until all connections have ended by themselves. */
export const NO_LIMITS: DrainLimits = { drainTimeout: Infinity, standstillTimeout: Infinity };
