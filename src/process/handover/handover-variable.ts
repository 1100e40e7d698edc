/** The first descriptor behind standard input, output and error. */
export const FIRST_DESCRIPTOR = 3;

/** What the process that started this process asks of it. */
export interface HandoverRequest {
  readonly step: HandoverStep;
  /**
   * How many descriptors this process was given, from `FIRST_DESCRIPTOR` on. The first is the channel
   * to the process that hands over.
   */
  readonly descriptors: number;
}

export type HandoverStep =
  /** Start this program once more, with the same descriptors, and end. */
  | "detach"
  /** Take the place of the process that hands over. */
  | "take";

const VARIABLE = "SIMPLETCPUNIXRELAY_HANDOVER";

/** The environment for a process, with a request in it. */
export function withRequest(
  environment: Readonly<Record<string, string | undefined>>,
  { step, descriptors }: HandoverRequest,
): Record<string, string | undefined> {
  return { ...environment, [VARIABLE]: `${step}:${descriptors}` };
}

/**
 * The request in the variable; null if there is none. Removes the variable, because it must not
 * reach a child process.
 */
function takeRequest(environment: NodeJS.ProcessEnv): HandoverRequest | null {
  const value = environment[VARIABLE] ?? "";
  delete environment[VARIABLE];
  const [, step, descriptors] = /^(detach|take):([1-9]\d{0,5})$/.exec(value) ?? [];
  if (step !== "detach" && step !== "take") return null;
  return { step, descriptors: Number(descriptors) };
}

/** The request with which this process was started. */
export const handoverRequest: HandoverRequest | null = takeRequest(process.env);
