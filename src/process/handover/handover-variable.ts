/** The number of the first descriptor after standard input, output and error. */
export const FIRST_DESCRIPTOR = 3;

/** The request that a process passes to the process that it starts for a handover. */
export interface HandoverRequest {
  readonly step: HandoverStep;
  /**
   * The number of descriptors that are passed to the new process, from number `FIRST_DESCRIPTOR`
   * on. The first of them is the channel to the process that hands over.
   */
  readonly descriptors: number;
}

export type HandoverStep =
  /** The new process must start this program once more, with the same descriptors, and then end. */
  | "detach"
  /** The new process must take over from the process that hands over. */
  | "take";

const VARIABLE = "SIMPLETCPUNIXRELAY_HANDOVER";

/** Returns the environment for a new process: `environment`, with the request in `VARIABLE`. */
export function withRequest(
  environment: Readonly<Record<string, string | undefined>>,
  { step, descriptors }: HandoverRequest,
): Record<string, string | undefined> {
  return { ...environment, [VARIABLE]: `${step}:${descriptors}` };
}

/**
 * Returns the request in the variable `VARIABLE`; null if there is no valid request. Removes the
 * variable, because a child process must not inherit it.
 */
function takeRequest(environment: NodeJS.ProcessEnv): HandoverRequest | null {
  const value = environment[VARIABLE] ?? "";
  delete environment[VARIABLE];
  const [, step, descriptors] = /^(detach|take):([1-9]\d{0,5})$/.exec(value) ?? [];
  if (step !== "detach" && step !== "take") return null;
  return { step, descriptors: Number(descriptors) };
}

/** The request that this process got at its start; null if the start was not for a handover. */
export const handoverRequest: HandoverRequest | null = takeRequest(process.env);
