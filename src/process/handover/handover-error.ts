/**
 * The error of a failed handover. Its message is the reason, which follows "handover failed: " in
 * the log.
 */
export class HandoverError extends Error {
  override readonly name = "HandoverError";
}
