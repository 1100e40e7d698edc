import type { Observation } from "../observe/figures/observe-process.ts";
import type { Log } from "../observe/log/log.ts";
import { faultLog } from "../observe/log/refusals-and-failures-log.ts";
import type { MemoryBound } from "../relay/limits/held-memory-limit.ts";
import { FilesOfStart } from "../relay/listen/files-of-start.ts";
import { isHungUp } from "../os/terminal.ts";
import { takePassedSockets } from "../systemd/activation.ts";
import type { AdminServers } from "./admin-and-metrics-servers.ts";
import {
  type ConnectionLimits,
  connectionsOfFiles,
  shareConnections,
  withWorkersThatRun,
} from "./connection-limits.ts";
import { IdleExit } from "./exit-idle-time.ts";
import { ownCommand } from "./handover/own-command.ts";
import { PassedSockets } from "./handover/systemd-sockets-across-handovers.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import { HandoversOfProcess, type OpenedParts } from "./handovers-of-process.ts";
import { onSignal } from "./catch-signal.ts";
import { openObservedServers } from "./begin-observation.ts";
import { observersOf, type OpeningNeeds, openRelays } from "./open-relays.ts";
import { checkPrivateNetwork } from "./require-private-network.ts";
import { boundOfThreads } from "../workers/held-memory-of-threads.ts";
import { type RelayOpener, relayOpener } from "../workers/open-with-workers.ts";
import type { ProcessPlan } from "./process-plan.ts";
import type { RelaysOfProcess } from "./relays-of-process.ts";
import { INIT, findServiceManager, type ServiceManager } from "./find-service-manager.ts";
import { warnOfFewFiles } from "./warn-of-few-files.ts";
import { warnOfOldUnits, warnOfShortIdleTime } from "./start-warnings.ts";
import { type StopRequests, stopRequests } from "./stop-signals.ts";
import { stopRelays } from "./stop-relays.ts";
import { reportFaults } from "./uncaught-errors.ts";
import { ignoreUserSignals } from "./ignore-user-signals.ts";

const STANDARD_INPUT = 0;
const STANDARD_ERROR = 2;

const NO_MANAGER = { service: null, notifier: null, manager: null };

/**
 * The running relays of one process and everything that they share: signals, the service manager,
 * the admin and the metrics server, the exit of an idle process, and the handover.
 */
export class RunningProcess implements AsyncDisposable {
  /** The plan as the options ask for it. */
  readonly #asked: ProcessPlan;
  /** The plan with the number of workers that run (`withWorkersThatRun`). */
  readonly #plan: ProcessPlan;
  readonly #limits: ConnectionLimits;
  /**
   * The number of bytes that the connections of all relays hold in memory, and the maximum of this
   * number. All threads share this data.
   */
  readonly #memory: MemoryBound;
  readonly #opener: RelayOpener;
  readonly #log: Log;
  /** The parts of the process, which are disposed in reverse order at the end of the process. */
  readonly #parts = new AsyncDisposableStack();
  /**
   * The parts that the process needs only while it accepts clients. They are disposed after a
   * handover, or else at the end of the process.
   */
  readonly #front: AsyncDisposableStack;
  readonly #requests: StopRequests;
  /**
   * The value of NOTIFY_SOCKET at the start; undefined if the variable was not set. The value is
   * kept here, because the variable is later removed from the environment.
   */
  readonly #notifySocket = process.env["NOTIFY_SOCKET"];
  readonly #idle = Promise.withResolvers<void>();
  readonly #predecessor: Predecessor | null;
  readonly #handovers: HandoversOfProcess;
  readonly #passed: PassedSockets;
  readonly #files: FilesOfStart;
  /** The running relays; null until all of them listen. */
  #relays: RelaysOfProcess | null = null;
  #admin: AdminServers | null = null;
  /**
   * The figures about the relays, which the admin and the metrics server show; null if the process
   * has neither of these servers.
   */
  #observation: Observation | null = null;
  /** The objects for the service manager; null if there is none. */
  #serviceManager: ServiceManager | null = null;
  #idleExit: IdleExit | null = null;

  constructor(asked: ProcessPlan, log: Log, predecessor: Predecessor | null) {
    const plan = withWorkersThatRun(asked);
    this.#asked = asked;
    this.#plan = plan;
    this.#log = log;
    this.#files = new FilesOfStart({
      warning: (message) => log.warn(message, { event: "warning" }),
      fault: faultLog(log),
    });
    const { workers, connectionsMax, memoryMax } = plan.processWide;
    this.#memory = boundOfThreads(workers, memoryMax ?? null);
    this.#limits = shareConnections(plan.relays, connectionsOfFiles(plan), connectionsMax);
    this.#opener = relayOpener(workers, {
      sharedMax: this.#limits.together,
      memory: this.#memory,
    });
    this.#predecessor = predecessor;
    this.#requests = this.#parts.use(stopRequests());
    this.#parts.use(ignoreUserSignals());
    this.#front = this.#parts.use(new AsyncDisposableStack());
    const environment = { ...process.env };
    const passed = takePassedSockets(process.env, process.pid);
    this.#passed = this.#front.use(
      predecessor === null
        ? PassedSockets.ofFirst(passed)
        : PassedSockets.handed(predecessor.document.passed),
    );
    this.#handovers = new HandoversOfProcess({
      ...{ log, predecessor, environment },
      passed: this.#passed,
      requests: this.#requests,
      command: ownCommand(),
      parts: this.#parts,
      front: this.#front,
    });
    this.#parts.use(onSignal("SIGHUP", () => this.#hungUp()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.disposeAsync();
  }

  /**
   * Handles HUP. If the terminal of standard input or standard error was closed, the kernel has
   * sent HUP and nobody has asked for a handover, so this process stops. Otherwise HUP asks for a
   * handover.
   */
  #hungUp(): void {
    if (isHungUp(STANDARD_INPUT) || isHungUp(STANDARD_ERROR)) this.#requests.ask(1);
    else this.#handovers.hangUp();
  }

  /** Runs the process to its end; returns the exit status. */
  async run(): Promise<number> {
    const { asked, askedAgain } = this.#requests;
    if (process.pid === INIT) await this.#handovers.reapOrphans();
    if (this.#plan.processWide.requirePrivateNetwork) checkPrivateNetwork(this.#notifySocket);
    await this.#openAdmin();
    this.#findServiceManager();
    // Opening can take long, for example if a source's host name must be resolved. A first request
    // to stop takes effect only after the relays have opened. A second request ends the process at
    // once, so wait for it while the relays open.
    const opening = this.#openRelays();
    const relays = await Promise.race([opening, askedAgain.then(() => null)]);
    if (relays === null) {
      this.#giveUpStart();
      return 0;
    }
    this.#relays = relays;
    this.#warn();
    const opened = this.#openedParts(relays);
    const predecessor = this.#predecessor;
    if (predecessor !== null && !(await this.#handovers.takeOver(predecessor, opened))) return 0;
    this.#begin(opened);
    await Promise.race([asked, this.#idle.promise, this.#handovers.done]);
    const successor = await this.#handovers.stop();
    if (successor !== null) return await this.#handovers.linger(opened, successor);
    this.#serviceManager?.service.stopping(relays.connections);
    const { drainTimeout } = this.#plan.processWide;
    const { earlier } = this.#handovers;
    await stopRelays({ relays, earlier, drainTimeout, hurry: askedAgain });
    return 0;
  }

  /**
   * Removes the socket files of the relays, which have not all opened, because this process was
   * asked twice to stop.
   */
  #giveUpStart(): void {
    this.#files.giveUp();
    const words = "stopped at the second request, before all relays had started";
    const fields = { event: "stopped", cause: "asked" };
    // During a handover the relays go on in the predecessor, so at the level `info` this line would
    // look like their stop.
    if (this.#predecessor === null) this.#log.info(words, fields);
    else this.#log.debug(words, fields);
  }

  #openedParts(relays: RelaysOfProcess): OpenedParts {
    const [admin, observation] = [this.#admin, this.#observation];
    const { service, notifier, manager } = this.#serviceManager ?? NO_MANAGER;
    return { relays, admin, observation, service, notifier, manager };
  }

  #warn(): void {
    warnOfFewFiles(this.#asked, this.#plan, this.#limits.asked, this.#log);
    warnOfOldUnits(this.#passed, this.#log);
    warnOfShortIdleTime(this.#plan.processWide.exitIdleTime, this.#passed, this.#log);
  }

  /**
   * Starts the activities of a process that accepts clients: the report to the service manager that
   * this process is ready, the exit after an idle time, and the handover on HUP. Called after the
   * start; in a successor, called after the takeover.
   */
  #begin(opened: OpenedParts): void {
    this.#serviceManager?.service.ready(opened.relays.endpoints);
    this.#idleExit?.begin();
    this.#handovers.begin(opened);
  }

  #openRelays(): Promise<RelaysOfProcess> {
    const { exitIdleTime } = this.#plan.processWide;
    if (exitIdleTime !== undefined)
      this.#idleExit = this.#front.use(new IdleExit(exitIdleTime, () => void this.#stopIfIdle()));
    const service = this.#serviceManager?.service;
    const idleExit = this.#idleExit;
    const needs: OpeningNeeds = {
      plan: this.#plan,
      limits: this.#limits,
      open: this.#opener.open,
      memory: this.#memory,
      log: this.#log,
      passed: this.#passed,
      predecessor: this.#predecessor,
      files: this.#files,
      observation: this.#observation,
      notifySocket: this.#notifySocket,
      watches: [
        ...(service === undefined ? [] : [() => service.watch()]),
        ...(idleExit === null ? [] : [() => idleExit.observer]),
      ],
    };
    const observers = observersOf(needs);
    this.#parts.use(
      reportFaults((error) => {
        // Report an uncaught error to the first relay's observer, because the relay that caused the
        // error is not known.
        const [observer] = observers.values();
        observer?.fault(error);
      }),
    );
    return openRelays(needs, observers);
  }

  /**
   * Finds the service manager of this process, if there is one. From then on, `service` of
   * `#serviceManager` reports this process's state to it.
   */
  #findServiceManager(): void {
    this.#serviceManager = findServiceManager({
      log: this.#log,
      drainTimeout: this.#plan.processWide.drainTimeout,
      // A process with a predecessor is not the main process yet: the predecessor is, until the
      // handover is complete.
      isMain: this.#predecessor === null,
      hasParent: this.#predecessor?.hasParent ?? false,
      responds: async () => this.#relays?.responds(),
    });
    if (this.#serviceManager !== null) this.#front.use(this.#serviceManager.service);
  }

  async #openAdmin(): Promise<void> {
    const opened = await openObservedServers(this.#front, {
      processWide: this.#plan.processWide,
      connectionsMax: this.#limits.together,
      memory: this.#memory,
      log: this.#log,
      predecessor: this.#predecessor,
      workers: this.#opener.workers,
      earlierConnections: () => this.#handovers.earlier?.connections ?? 0,
      lookForFiles: () => this.#relays?.lookForFiles(),
    });
    this.#observation = opened?.observation ?? null;
    this.#admin = opened?.servers ?? null;
  }

  /**
   * Called at the end of the idle time. Stops all relays if none of them has an open connection.
   * During a handover, and while an earlier process has open connections, the relays go on and the
   * idle time starts again.
   */
  async #stopIfIdle(): Promise<void> {
    if (this.#handovers.isBusy) this.#idleExit?.begin();
    else if (await this.#relays?.stopIfIdle()) this.#idle.resolve();
  }
}
