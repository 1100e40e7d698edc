import type { RelayError } from "../relay/error.ts";
import type { RelayPlan } from "./process-plan.ts";

/** One failure to start, of a relay or of the whole process. */
export interface StartFailure {
  /** The relay that failed; null if the failure concerns the whole process. */
  readonly plan: RelayPlan | null;
  readonly error: RelayError;
}

/** Thrown if one or more relays could not start. All relays that had started have then stopped. */
export class StartError extends Error {
  override readonly name = "StartError";

  constructor(readonly failures: readonly StartFailure[]) {
    super(failures.map(({ error }) => error.message).join("; "));
  }
}
