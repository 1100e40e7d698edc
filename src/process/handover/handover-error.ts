/** A failed handover. The message is the reason; it follows "handover failed: " in the log. */
export class HandoverError extends Error {
  override readonly name = "HandoverError";
}
