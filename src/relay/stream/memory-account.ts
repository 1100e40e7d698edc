/**
 * Counts the held bytes (`HeldBytes`) of all pipes, and knows whether the pipes together hold too
 * many bytes.
 */
export interface MemoryAccount {
  /** Whether the pipes together hold so many bytes that each pipe must read less. */
  readonly isReached: boolean;
  /**
   * Counts a change of the number of bytes that a pipe holds: `bytes` more, or fewer if `bytes` is
   * negative.
   */
  changed(bytes: number): void;
}
