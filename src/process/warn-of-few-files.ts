import { openFilesMax } from "../os/open-files-limit.ts";
import type { Log } from "../observe/log/log.ts";
import { CONNECTIONS_MOST, descriptorsTaken } from "../relay/listen/descriptor-budget.ts";
import {
  connectionsOfFiles,
  otherDescriptors,
  threadsOf,
  workersUseful,
} from "./connection-limits.ts";
import type { ProcessPlan } from "./process-plan.ts";

// Fewer connections than this count as few (`isScarce`).
const CONNECTIONS_FEW = 16;

/**
 * Warns if the limit of open files allows fewer connections than the options ask for, or fewer
 * workers. Also warns if few connections are left (`isScarce`), because the limit is low or because
 * workers, servers and further relays take many descriptors.
 *
 * @param asked - the plan as the options ask for it
 * @param plan - the plan with the number of workers that run
 * @param connectionsAsked - the number of connections that the options ask for
 */
export function warnOfFewFiles(
  asked: ProcessPlan,
  plan: ProcessPlan,
  connectionsAsked: number,
  log: Log,
): void {
  const message = fewFiles(asked, plan, connectionsAsked);
  if (message !== null) log.warn(message, { event: "few_files" });
}

/** Returns the message of `warnOfFewFiles`; null if no warning is needed. */
function fewFiles(asked: ProcessPlan, plan: ProcessPlan, connectionsAsked: number): string | null {
  const { byDefault, most } = connectionsOfFiles(plan);
  const isSet = hasLimit(plan);
  const tooMany = isSet && connectionsAsked > most;
  const idle = workersUseful(asked) > threadsOf(plan);
  if (!tooMany && !idle && !isScarce(plan, byDefault)) return null;
  const takers = takersOf(plan);
  const wanted =
    `${plan.relays.length > 1 ? "connections-max of all relays" : "--connections-max"} is ` +
    `${connectionsAsked}`;
  if (tooMany && most === CONNECTIONS_MOST) return `${wanted}, and a process carries ${most}`;
  const carries = tooMany
    ? `${wanted}, and the limit of open files carries ${most}`
    : `the limit of open files carries ${isSet ? most : byDefault} at once`;
  const fix =
    "raise it (LimitNOFILE= in a unit, ulimit -n elsewhere)" +
    (idle || threadsOf(plan) > 1 ? " or lower --workers" : "");
  const taken = descriptorsTaken(threadsOf(plan), otherDescriptors(plan, threadsOf(plan)));
  return [
    `${carries}: ${fix}`,
    ...(takers.length === 0
      ? []
      : [`up to ${taken} of the ${openFilesMax()} open files are for ${listed(takers)}`]),
    ...(idle ? [`only ${threadsOf(plan)} of ${workersUseful(asked)} workers can run`] : []),
  ].join("; ");
}

/** Whether an option limits the connections of a relay, or of all relays together. */
function hasLimit({ processWide, relays }: ProcessPlan): boolean {
  return (
    processWide.connectionsMax !== undefined ||
    relays.some(({ settings }) => settings.connectionsMax !== undefined)
  );
}

/**
 * Whether the limit of open files leaves few connections: fewer than `CONNECTIONS_FEW`, or, because
 * of workers, servers or further relays, fewer than half of the number that one relay with one
 * worker and no server would have. False if options limit the connections of every relay, or of all
 * relays together.
 */
function isScarce(plan: ProcessPlan, byDefault: number): boolean {
  const { processWide, relays } = plan;
  const all = relays.every(({ settings }) => settings.connectionsMax !== undefined);
  if (all || processWide.connectionsMax !== undefined) return false;
  const alone = connectionsOfFiles({
    relays: relays.slice(0, 1),
    processWide: { ...processWide, workers: 1, admin: undefined, metrics: undefined },
  }).byDefault;
  return byDefault < CONNECTIONS_FEW || byDefault < alone / 2;
}

/** Names the parts of a plan that take descriptors from the connections. */
function takersOf(plan: ProcessPlan): readonly string[] {
  const { admin, metrics } = plan.processWide;
  return [
    ...(threadsOf(plan) > 1 ? [`${threadsOf(plan)} workers`] : []),
    ...(plan.relays.length > 1 ? [`${plan.relays.length} relays`] : []),
    ...(admin === undefined ? [] : ["--admin"]),
    ...(metrics === undefined ? [] : ["--metrics"]),
  ];
}

/** Joins words to "a", "a and b", or "a, b and c". */
function listed(words: readonly string[]): string {
  const first = words.slice(0, -1).join(", ");
  return [...(first === "" ? [] : [first]), ...words.slice(-1)].join(" and ");
}
