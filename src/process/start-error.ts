import type { RelayError } from "../relay/error.ts";
import type { RelayPlan } from "./process-plan.ts";

/** What could not start, and why. */
export interface StartFailure {
  /** The relay; null if it is the process itself. */
  readonly plan: RelayPlan | null;
  readonly error: RelayError;
}

/** Relays of a process that could not start, so that none did. */
export class StartError extends Error {
  override readonly name = "StartError";

  constructor(readonly failures: readonly StartFailure[]) {
    super(failures.map(({ error }) => error.message).join("; "));
  }
}
