/** Counts the held bytes of all pipes, and knows whether the pipes together hold too many bytes. */
export interface MemoryAccount {
  /** Whether the pipes together hold so many bytes that each pipe must read less. */
  readonly isReached: boolean;
  /**
   * A pipe reports that the number of its held bytes has changed by `bytes`, which is negative if the
   * pipe holds less.
   */
  changed(bytes: number): void;
}
