import { libc } from "../os/libc.ts";
import {
  connectionsCarried,
  connectionsMaxDefault,
  descriptorsOfRelays,
  workersCarried,
} from "../relay/listen/descriptor-budget.ts";
import type { ConnectionLimit } from "../observe/log/event-log.ts";
import { workerCount } from "../workers/worker-count.ts";
import { serverDescriptors } from "./admin-and-metrics-servers.ts";
import type { ProcessPlan, RelayPlan } from "./process-plan.ts";

/** The numbers of connections that the limit of open files allows for all relays together. */
export interface ConnectionsOfFiles {
  /** The number of connections if no option sets a limit. */
  readonly byDefault: number;
  /**
   * The highest limit that an option can set. With FFI this number equals `byDefault`. Without FFI
   * this number is higher: clients that wait until a connection ends need descriptors of this
   * process, and only `byDefault` keeps descriptors free for these clients.
   */
  readonly most: number;
}

/** Returns the numbers of connections that the limit of open files allows for a plan. */
export function connectionsOfFiles(plan: ProcessPlan): ConnectionsOfFiles {
  const workers = threadsOf(plan);
  const others = otherDescriptors(plan, workers);
  return {
    byDefault: connectionsMaxDefault(workers, others),
    most: connectionsCarried(workers, others),
  };
}

/** The number of threads that carry connections. Without FFI there is only one. */
export function threadsOf({ processWide }: ProcessPlan): number {
  return libc === null ? 1 : workerCount(processWide.workers);
}

/** The number of descriptors that the servers and the sources of a plan need. */
export function otherDescriptors({ processWide, relays }: ProcessPlan, workers: number): number {
  return serverDescriptors(processWide) + descriptorsOfRelays(relays.length, workers);
}

/**
 * The number of workers that can be busy: at most one for each connection that the options allow. A
 * worker with a limit of 0 connections could never accept a client.
 */
export function workersUseful(plan: ProcessPlan): number {
  const { connectionsMax = Infinity } = plan.processWide;
  const ofRelays = plan.relays.reduce(
    (sum, { settings }) => sum + (settings.connectionsMax ?? Infinity),
    0,
  );
  return Math.max(1, Math.min(threadsOf(plan), connectionsMax, ofRelays));
}

/**
 * Returns the plan with the number of workers that run. This number is lower than the options ask
 * for if the further workers would get no connection: because of the limits that the options set,
 * or because of the limit of open files. The descriptors of workers that do not run are left for
 * connections.
 */
export function withWorkersThatRun(plan: ProcessPlan): ProcessPlan {
  // Keep the number without FFI: if it is above 1, `relayOpener` warns that only one thread relays.
  if (libc === null) return plan;
  const workers = workersCarried(workersUseful(plan), (count) => otherDescriptors(plan, count));
  return { ...plan, processWide: { ...plan.processWide, workers } };
}

/** The limits that divide the connections of a process among its relays. */
export interface ConnectionLimits {
  /**
   * Returns the maximum number of open connections of a relay. `isOfFiles` is true if the limit of
   * open files determines this number, and false if an option determines it.
   */
  readonly of: (relay: RelayPlan) => ConnectionLimit;
  /** The connection limit of all relays together; null if each relay has only its own limit. */
  readonly together: number | null;
  /**
   * The number of connections that the options ask for: the limit of the whole process if an option
   * sets it, otherwise the sum of the relays' own limits. In this sum, a relay without a limit
   * counts as one connection.
   */
  readonly asked: number;
}

/**
 * Divides the connections that a process can carry among its relays.
 *
 * If `wanted` is undefined, each relay gets a fixed limit. A relay whose options set a connection
 * limit gets this limit, but at most `files.most`. These limits are subtracted from
 * `files.byDefault`, and the other relays share the rest equally; each of them gets at least one
 * connection, even if nothing is left.
 *
 * If `wanted` is set, the connections are not divided: each relay may use all of them, unless its
 * own options set a lower limit. All relays together may use at most the lesser of `wanted` and
 * `files.most`.
 *
 * @param files - the numbers of connections that the limit of open files allows
 * @param wanted - the limit of all relays together; undefined if no option sets it
 */
export function shareConnections(
  relays: readonly RelayPlan[],
  files: ConnectionsOfFiles,
  wanted?: number,
): ConnectionLimits {
  const { byDefault, most } = files;
  if (wanted !== undefined)
    return {
      of: ({ settings: { connectionsMax = wanted } }) =>
        lesserOf(Math.min(connectionsMax, wanted), most),
      together: relays.length > 1 ? Math.min(wanted, most) : null,
      asked: wanted,
    };
  const wishes = relays.map(({ settings }) => settings.connectionsMax);
  const wished = wishes.reduce<number>((sum, wish = 0) => sum + wish, 0);
  const sharing = wishes.filter((wish) => wish === undefined).length;
  const part = Math.max(1, Math.floor((byDefault - wished) / Math.max(1, sharing)));
  return {
    of: ({ settings: { connectionsMax } }) =>
      connectionsMax === undefined
        ? { connectionsMax: part, isOfFiles: true }
        : lesserOf(connectionsMax, most),
    together: null,
    asked: wished + sharing,
  };
}

function lesserOf(asked: number, most: number): ConnectionLimit {
  return { connectionsMax: Math.min(asked, most), isOfFiles: most < asked };
}
