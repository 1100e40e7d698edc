/** Counts the bytes that pipes hold, and says when that is too much. */
export interface MemoryAccount {
  /** Whether pipes together hold so much that they are to read less. */
  readonly isReached: boolean;
  /** A pipe holds so many bytes more, or less. */
  changed(bytes: number): void;
}
