import type { ReachedLimit } from "../../relay/observer.ts";

/**
 * The words by which the metrics and the status name the reasons why a relay accepts no clients.
 */
const WORDS: Readonly<Record<ReachedLimit, string>> = {
  own: "connections_max",
  shared: "process_connections_max",
  memory: "memory_max",
  descriptors: "open_files",
};

/**
 * Maps the word of each reason to 1 or 0: 1 if the relay now accepts no clients for this reason.
 *
 * @param pauses - for each reason, the number of pauses that have begun and not ended. The number
 *   can be 2, because a relay can report one limit as its own and as shared (`actingLimits`).
 */
export function acceptPausesByWord(
  pauses: ReadonlyMap<ReachedLimit, number>,
): ReadonlyMap<string, number> {
  const reasons = Object.keys(WORDS) as ReachedLimit[];
  return new Map(reasons.map((reason) => [WORDS[reason], Math.min(1, pauses.get(reason) ?? 0)]));
}

/** Says in words why the relay accepts no clients now: one word for each reason. */
export function acceptPauseWords(pauses: ReadonlyMap<ReachedLimit, number>): readonly string[] {
  return [...acceptPausesByWord(pauses)].flatMap(([word, count]) => (count > 0 ? [word] : []));
}
