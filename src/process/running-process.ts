import type { Observation } from "../observe/figures/observe-process.ts";
import type { Log } from "../observe/log/log.ts";
import { libc } from "../os/libc.ts";
import type { MemoryBound } from "../relay/limits/held-memory-limit.ts";
import { isHungUp } from "../os/terminal.ts";
import { takePassedSockets } from "../systemd/activation.ts";
import type { ServiceState } from "../systemd/report-service-state.ts";
import type { AdminServers } from "./admin-servers.ts";
import {
  type ConnectionLimits,
  connectionsOfFiles,
  shareConnections,
} from "./connection-limits.ts";
import { IdleExit } from "./exit-idle-time.ts";
import type { EarlierProcesses } from "./handover/earlier-processes.ts";
import type { Estate, Manager } from "./handover/hand-over.ts";
import { HandoverOnHangup } from "./handover/handover-on-hangup.ts";
import { ownCommand } from "./handover/own-command.ts";
import { PassedSockets } from "./handover/passed-sockets.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import type { Reaper } from "./handover/reap-orphans.ts";
import type { Successor } from "./handover/start-successor.ts";
import { onHangup } from "./hangup-signal.ts";
import { openObservedServers } from "./open-observed-servers.ts";
import { observersOf, type OpeningNeeds, openRelays } from "./open-relays.ts";
import { checkPrivateNetwork } from "./require-private-network.ts";
import { boundOfThreads } from "../workers/open-with-workers.ts";
import type { ProcessPlan } from "./process-plan.ts";
import type { RelaysOfProcess } from "./relays-of-process.ts";
import { INIT, findServiceManager } from "./find-service-manager.ts";
import { warnOfFewFiles, warnOfOldUnits, warnOfShortIdleTime } from "./start-warnings.ts";
import { type StopRequests, stopRequests } from "./stop-signals.ts";
import { stopRelays } from "./stop-relays.ts";
import { takeOver } from "./take-over.ts";
import { reportFaults } from "./uncaught-errors.ts";
import { ignoreUserSignals } from "./ignore-user-signals.ts";

/**
 * The maximum time, in milliseconds, that a handover waits until all threads of this process have
 * stopped accepting clients.
 */
const VACATE_MOST = 1_000;

const STANDARD_INPUT = 0;
const STANDARD_ERROR = 2;

/**
 * The running relays of one process and everything that they share: signals, the service manager,
 * the admin and the metrics server, the exit of an idle process, and the handover.
 */
export class RunningProcess implements AsyncDisposable {
  readonly #plan: ProcessPlan;
  readonly #limits: ConnectionLimits;
  /**
   * The shared counters of the bytes that the connections of all relays hold, and the maximum of
   * their sum.
   */
  readonly #memory: MemoryBound;
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
  readonly #handovers: HandoverOnHangup;
  readonly #passed: PassedSockets;
  /** The running relays; null until all of them listen. */
  #relays: RelaysOfProcess | null = null;
  #admin: AdminServers | null = null;
  /**
   * Settles when the servers of `#admin` have answered their last client; undefined before the
   * handover.
   */
  #adminLeft: Promise<void> | undefined;
  /**
   * The figures about the relays, which the admin and the metrics server show; null if the process
   * has neither of these servers.
   */
  #observation: Observation | null = null;
  #service: ServiceState | null = null;
  /**
   * The notifier and the socket with which a handover tells the service manager which process is
   * the main process; null if a handover does not tell a service manager.
   */
  #manager: Manager | null = null;
  #idleExit: IdleExit | null = null;
  /**
   * The earlier processes that still run; null unless this process took over from a predecessor.
   */
  #earlier: EarlierProcesses | null = null;
  /**
   * Collects the exit statuses of orphans that become children of this process; null if this
   * process gets no orphans.
   */
  #reaper: Reaper | null = null;

  constructor(plan: ProcessPlan, log: Log, predecessor: Predecessor | null) {
    this.#plan = plan;
    this.#log = log;
    const { workers, connectionsMax, memoryMax } = plan.processWide;
    this.#memory = boundOfThreads(workers, memoryMax ?? null);
    this.#limits = shareConnections(plan.relays, connectionsOfFiles(plan), connectionsMax);
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
    this.#handovers = new HandoverOnHangup({
      log,
      command: ownCommand(),
      environment,
    });
    this.#parts.use(onHangup(() => this.#hungUp()));
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
    if (process.pid === INIT) await this.#reapOrphans();
    if (this.#plan.processWide.requirePrivateNetwork) checkPrivateNetwork(this.#notifySocket);
    await this.#openAdmin();
    this.#findServiceManager();
    // Opening can take long, for example if a source's host name must be resolved. So wait at the
    // same time for a second request to stop, which ends the process at once. A first request takes
    // effect after the relays have opened.
    const opening = this.#openRelays();
    const relays = await Promise.race([opening, askedAgain.then(() => null)]);
    if (relays === null) return 0;
    this.#relays = relays;
    this.#warn();
    if (this.#predecessor !== null && !(await this.#takeOver(this.#predecessor, relays))) return 0;
    this.#begin(relays);
    await Promise.race([asked, this.#idle.promise, this.#handovers.done]);
    const successor = await this.#handovers.stop();
    if (successor !== null) return await this.#linger(relays, successor);
    this.#service?.stopping(relays.connections);
    const { drainTimeout } = this.#plan.processWide;
    await stopRelays({ relays, earlier: this.#earlier, drainTimeout, hurry: askedAgain });
    return 0;
  }

  #warn(): void {
    const { most } = connectionsOfFiles(this.#plan);
    warnOfFewFiles(this.#limits.asked, most, this.#plan.relays.length, this.#log);
    warnOfOldUnits(this.#passed, this.#log);
    warnOfShortIdleTime(this.#plan.processWide.exitIdleTime, this.#passed, this.#log);
  }

  /**
   * Starts the activities of a process that accepts clients: the report to the service manager that
   * this process is ready, the exit after an idle time, and the handover on HUP. Called after the
   * start; in a successor, called after the takeover.
   */
  #begin(relays: RelaysOfProcess): void {
    this.#service?.ready(relays.endpoints);
    this.#idleExit?.begin();
    this.#handovers.begin(() => this.#estate(relays));
  }

  /**
   * Takes over from the predecessor. Returns true when the handover is complete. Returns false if
   * this process was asked to stop before the handover was complete; its relays have then stopped.
   */
  async #takeOver(predecessor: Predecessor, relays: RelaysOfProcess): Promise<boolean> {
    const front = { relays, admin: this.#admin, requests: this.#requests };
    if (!(await takeOver(predecessor, front))) return false;
    relays.takeCapturePaths();
    const { pid } = predecessor.document;
    this.#log.info(`took over from process ${pid}`, { event: "took_over", from: pid });
    this.#earlier = this.#front.use(
      await predecessor.becomeEarlier({
        asked: (times) => this.#requests.ask(times),
        hangUp: () => this.#handovers.hangUp(),
        orphaned: () => this.#orphaned(),
        open: (connections) => this.#service?.openElsewhere(connections),
      }),
    );
    this.#manager?.notifier.release();
    return true;
  }

  #orphaned(): void {
    this.#log.warn("the first process has ended, and this one stops", { event: "orphaned" });
    this.#requests.ask(1);
  }

  /** Returns everything that this process hands over to a successor. */
  async #estate(relays: RelaysOfProcess): Promise<Estate> {
    const isParent = this.#predecessor === null && this.#manager === null;
    if (isParent) await this.#reapOrphans();
    return {
      listeners: [...relays.listeners, ...(this.#admin?.listeners ?? [])],
      passed: this.#passed,
      relays: relays.handed,
      earlier: this.#earlier,
      manager: this.#manager,
      vacate: (claimed) => this.#vacate(relays, claimed),
      reaper: isParent ? this.#reaper : null,
    };
  }

  /**
   * Stops accepting clients, because a successor takes over.
   *
   * @param claimed - the indices, in `Estate.listeners`, of the sockets that the successor uses
   */
  async #vacate(relays: RelaysOfProcess, claimed: ReadonlySet<number>): Promise<void> {
    // In `Estate.listeners`, the sockets of the servers follow the sockets of the sources.
    const sources = relays.listeners.length;
    this.#observation?.handOver();
    this.#adminLeft = this.#admin?.leave((index) => !claimed.has(sources + index));
    // Wait at most `VACATE_MOST` milliseconds, because a hanging worker never reports that it has
    // stopped accepting. It is safe not to wait for this report: a hanging worker accepts no
    // clients.
    await Promise.race([relays.leave(claimed), Bun.sleep(VACATE_MOST)]);
  }

  /**
   * Runs the process after a handover until its last connection has ended; returns the exit status.
   */
  async #linger(relays: RelaysOfProcess, successor: Successor): Promise<number> {
    const { pid } = successor;
    const open = relays.connections;
    const words = open === 0 ? "" : `; open connections that stay here: ${open}`;
    this.#log.info(`handed over to process ${pid}${words}`, {
      ...{ event: "handed_over", to: pid, open },
    });
    const reaper = this.#predecessor === null && this.#manager === null ? this.#reaper : null;
    await this.#front.disposeAsync();
    const { lingerAfterHandover: linger } = await import("./handover/linger-after-handover.ts");
    const left = Promise.all([relays.stopped, this.#adminLeft]);
    return await linger({ relays, left, successor, requests: this.#requests, reaper });
  }

  /**
   * Makes `#reaper`, which waits for orphans that become children of this process. Does nothing if
   * `#reaper` exists already, or if FFI is not available.
   */
  async #reapOrphans(): Promise<void> {
    if (libc === null || this.#reaper !== null) return;
    const { Reaper } = await import("./handover/reap-orphans.ts");
    this.#reaper = this.#parts.use(new Reaper());
  }

  #openRelays(): Promise<RelaysOfProcess> {
    const { exitIdleTime } = this.#plan.processWide;
    if (exitIdleTime !== undefined)
      this.#idleExit = this.#front.use(new IdleExit(exitIdleTime, () => void this.#stopIfIdle()));
    const [service, idleExit] = [this.#service, this.#idleExit];
    const needs: OpeningNeeds = {
      plan: this.#plan,
      limits: this.#limits,
      memory: this.#memory,
      log: this.#log,
      passed: this.#passed,
      predecessor: this.#predecessor,
      observation: this.#observation,
      notifySocket: this.#notifySocket,
      watches: [
        ...(service === null ? [] : [() => service.watch()]),
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
   * Finds the service manager of this process, if there is one. From then on, `#service` reports
   * this process's state to it.
   */
  #findServiceManager(): void {
    const met = findServiceManager({
      log: this.#log,
      drainTimeout: this.#plan.processWide.drainTimeout,
      // A process with a predecessor is not the main process yet: the predecessor is, until the
      // handover is complete.
      isMain: this.#predecessor === null,
      responds: async () => this.#relays?.responds(),
    });
    if (met === null) return;
    this.#service = this.#front.use(met.service);
    this.#manager = met.manager;
  }

  async #openAdmin(): Promise<void> {
    const opened = await openObservedServers(this.#front, {
      processWide: this.#plan.processWide,
      connectionsMax: this.#limits.together,
      memory: this.#memory,
      log: this.#log,
      predecessor: this.#predecessor,
      earlierConnections: () => this.#earlier?.connections ?? 0,
      lookForFiles: () => this.#relays?.lookForFiles(),
    });
    this.#observation = opened?.observation ?? null;
    this.#admin = opened?.servers ?? null;
  }

  /**
   * Called at the end of the idle time. Stops all relays if none of them has an open connection.
   * During a handover, and while an earlier process has open connections, it does not stop the
   * relays but starts the idle time again.
   */
  async #stopIfIdle(): Promise<void> {
    const isUsed = this.#handovers.isUnderWay || (this.#earlier?.count ?? 0) > 0;
    if (isUsed) this.#idleExit?.begin();
    else if (await this.#relays?.stopIfIdle()) this.#idle.resolve();
  }
}
