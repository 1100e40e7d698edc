/** A handover failed. The message says why, and fits behind "handover failed: ". */
export class HandoverError extends Error {
  override readonly name = "HandoverError";
}
