import type { AcceptPause } from "../../relay/observer.ts";

/**
 * The words by which the metrics and the status name the reasons why a thread accepts no clients.
 */
const WORDS: Readonly<Record<AcceptPause, string>> = {
  own: "connections_max",
  shared: "process_connections_max",
  memory: "memory_max",
  descriptors: "open_files",
};

/** Returns, for each reason (by its word), how many threads accept no clients for this reason. */
export function acceptPausesByWord(
  pauses: ReadonlyMap<AcceptPause, number>,
): ReadonlyMap<string, number> {
  const reasons = Object.keys(WORDS) as AcceptPause[];
  return new Map(reasons.map((reason) => [WORDS[reason], pauses.get(reason) ?? 0]));
}

/** The words of the reasons for which at least one thread accepts no clients. */
export function acceptPauseWords(pauses: ReadonlyMap<AcceptPause, number>): readonly string[] {
  return [...acceptPausesByWord(pauses)].flatMap(([word, count]) => (count > 0 ? [word] : []));
}
