import { RelayError } from "../relay/error.ts";
import type { RelayPlan } from "./process-plan.ts";
import { NOT_PRIVATE } from "./require-private-network.ts";

// The exit status for a failure that would happen again at the next start (sysexits(3)).
const EX_CONFIG = 78;

/**
 * The codes of errors that would happen again at each start: a system call is missing, or the
 * network namespace is not private although it must be.
 */
const PERMANENT: ReadonlySet<string> = new Set(["ENOSYS", NOT_PRIVATE]);

/** One failure to start, of a relay or of the whole process. */
export interface StartFailure {
  /** The relay that failed; null if the failure concerns the whole process. */
  readonly plan: RelayPlan | null;
  readonly error: RelayError;
}

/** Thrown if one or more relays could not start, after all relays that had started have stopped. */
export class StartError extends Error {
  override readonly name = "StartError";

  constructor(readonly failures: readonly StartFailure[]) {
    super(failures.map(({ error }) => error.message).join("; "));
  }
}

/**
 * Returns the failures that kept the process from starting; `plan` is null if the failure concerns
 * the whole process and not one relay. Returns an empty list if `error` is neither a `StartError`
 * nor a `RelayError`.
 */
export function failuresOf(error: unknown): readonly StartFailure[] {
  if (error instanceof StartError) return error.failures;
  return error instanceof RelayError ? [{ plan: null, error }] : [];
}

/** The exit status of a process that could not start because of `failures`. */
export function exitStatus(failures: readonly StartFailure[]): number {
  return failures.some(({ error }) => PERMANENT.has(error.code)) ? EX_CONFIG : 1;
}
