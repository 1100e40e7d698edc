import type { RelayError } from "../relay/error.ts";
import type { RelayPlan } from "./process-plan.ts";

/** One failure to start. */
export interface StartFailure {
  /** The relay that failed; null for the process itself. */
  readonly plan: RelayPlan | null;
  readonly error: RelayError;
}

/** One or more relays could not start, so no relay was started. */
export class StartError extends Error {
  override readonly name = "StartError";

  constructor(readonly failures: readonly StartFailure[]) {
    super(failures.map(({ error }) => error.message).join("; "));
  }
}
