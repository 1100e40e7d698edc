import { inNetwork } from "../address/address.ts";
import type { Observation } from "../observe/figures/observe-process.ts";
import { accessLog } from "../observe/log/access-log.ts";
import { logObserver } from "../observe/log/event-log.ts";
import { sharedLimitsLog } from "../observe/log/shared-limits-log.ts";
import type { Log } from "../observe/log/log.ts";
import { combineObservers } from "../relay/combine-observers.ts";
import type { Source } from "../relay/kinds-of-source.ts";
import type { Observer } from "../relay/observer.ts";
import type { MemoryBound } from "../relay/limits/held-memory-limit.ts";
import type { FilesOfStart } from "../relay/listen/files-of-start.ts";
import type { OpenRelay } from "../workers/open-with-workers.ts";
import { actingLimits, isTogetherOfFiles, observeActingLimits } from "./acting-limits.ts";
import type { ConnectionLimits } from "./connection-limits.ts";
import type { PassedSockets } from "./handover/systemd-sockets-across-handovers.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import { explainRefusals } from "./explain-refusals-in-private-network.ts";
import type { ProcessPlan, RelayPlan } from "./process-plan.ts";
import { RelaysOfProcess } from "./relays-of-process.ts";
import { logOf } from "./log-of-relay.ts";
import { warnOfPlainText } from "./start-warnings.ts";

/** Everything that is needed to open the relays of a process. */
export interface OpeningNeeds {
  readonly plan: ProcessPlan;
  readonly limits: ConnectionLimits;
  readonly open: OpenRelay;
  /**
   * The number of bytes that the connections of all relays hold in memory, and the maximum of this
   * number. All threads share this data.
   */
  readonly memory: MemoryBound;
  readonly log: Log;
  /** The sockets that systemd or another program passed to this process or an earlier one. */
  readonly passed: PassedSockets;
  readonly predecessor: Predecessor | null;
  /** Learns of each socket file that a relay places. */
  readonly files: FilesOfStart;
  /**
   * The figures about the relays, which the admin and the metrics server show; null if the process
   * has neither of these servers.
   */
  readonly observation: Observation | null;
  /**
   * The value of NOTIFY_SOCKET when this process started; undefined if the variable was not set. If
   * the network namespace has a socket at this path, the service manager runs in the namespace, and
   * the namespace is not private (`whyNotPrivate`).
   */
  readonly notifySocket: string | undefined;
  /**
   * Functions that make further observers of the relays, besides the observers of the log and of
   * `observation`. Each function is called once for each relay.
   */
  readonly watches: readonly (() => Partial<Observer>)[];
}

/** Makes the observer of each relay of the plan. */
export function observersOf(needs: OpeningNeeds): ReadonlyMap<RelayPlan, Observer> {
  // Use one log observer for the limits that all relays share. Each relay may report that such a
  // limit is reached, and one observer logs the limit once, not once for each relay.
  const { limits, plan } = needs;
  const shared = sharedLimitsLog(needs.log, {
    memoryMax: needs.memory.most,
    isOfFiles: isTogetherOfFiles(limits, plan.processWide.connectionsMax),
  });
  return new Map(plan.relays.map((relay) => [relay, observerOf(relay, shared, needs)]));
}

/**
 * Opens all relays of a plan, or none.
 *
 * @throws {StartError} with all failures
 */
export function openRelays(
  needs: OpeningNeeds,
  observers: ReadonlyMap<RelayPlan, Observer>,
): Promise<RelaysOfProcess> {
  const { plan, limits, open, log, predecessor, files } = needs;
  const { drainTimeout, accessLog: identifyClients } = plan.processWide;
  return RelaysOfProcess.open(
    plan.relays,
    (relay) => sourceOf(relay, needs),
    async (relay, source) => {
      const { name, destination, settings } = relay;
      const opened = await open(
        {
          ...settings,
          ...{ source, destination, drainTimeout, identifyClients },
          connectionsMax: limits.of(relay).connectionsMax,
          observer: observers.get(relay),
        },
        { ...predecessor?.successionOf(name), placed: (file) => files.placed(file) },
      );
      warnOfPlainText(opened.endpoint, destination, logOf(relay, log));
      return opened;
    },
    { isSuccessor: predecessor !== null },
  );
}

/**
 * Returns the source that a relay opens: the socket that systemd passed or that the predecessor
 * handed over. If there is neither, returns the address, so that the relay binds it.
 */
function sourceOf(
  { name, source, settings }: RelayPlan,
  { passed, predecessor }: OpeningNeeds,
): Source {
  if (source.kind === "systemd" || source.kind === "fd") return passed.source(source);
  const { sourceNetns } = settings;
  return (
    (sourceNetns === undefined ? passed.adopt(name, source, settings.mode) : null) ??
    predecessor?.claim("source", inNetwork(source, sourceNetns), settings) ??
    source
  );
}

function observerOf(
  relay: RelayPlan,
  shared: Partial<Observer>,
  { plan, limits, log, observation, notifySocket, watches }: OpeningNeeds,
): Observer {
  const { name, source, destination, shownOptions: options } = relay;
  const limit = limits.of(relay);
  const { connectionsMax } = limit;
  const { inLog, inFigures } = actingLimits(relay, limit, limits, plan.processWide.connectionsMax);
  const own = logOf(relay, log);
  const figures = observation?.add({ name, source, destination, options, connectionsMax }) ?? [];
  const observer = combineObservers([
    observeActingLimits(logObserver(own, destination, limit), inLog),
    observeActingLimits(shared, inLog),
    ...(plan.processWide.accessLog ? [accessLog(own, destination)] : []),
    ...figures.map((observer) => observeActingLimits(observer, inFigures)),
    ...watches.map((watch) => watch()),
  ]);
  return explainRefusals(observer, destination, notifySocket);
}
