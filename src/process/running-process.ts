import { printAddress, type SocketEndpoint, staysLocal } from "../address/address.ts";
import type { Observation } from "../observe/figures/observation.ts";
import { accessLog } from "../observe/log/access-log.ts";
import { logObserver, sharedLimitLog } from "../observe/log/event-log.ts";
import type { Log } from "../observe/log/log.ts";
import { libc } from "../os/libc.ts";
import { isHungUp } from "../os/terminal.ts";
import { combineObservers } from "../relay/combine-observers.ts";
import { RelayError } from "../relay/error.ts";
import type { Source } from "../relay/listen/source.ts";
import { connectionsMaxDefault, descriptorsOfRelays } from "../relay/listen/descriptor-budget.ts";
import type { Observer } from "../relay/observer.ts";
import { takePassedSockets } from "../systemd/activation.ts";
import { HeldNotifier } from "../systemd/held-notifier.ts";
import { takeNotifier } from "../systemd/notify-socket.ts";
import { ServiceState, takeWatchdogPeriod } from "../systemd/service-state.ts";
import { relayOpener } from "../workers/open-relay.ts";
import { workerCount } from "../workers/worker-count.ts";
import { serverDescriptors, AdminServers, hasAdminServers } from "./admin-servers.ts";
import { IdleExit } from "./exit-idle-time.ts";
import { HandoverOnHangup } from "./handover/handover-on-hangup.ts";
import type { EarlierProcesses } from "./handover/earlier-processes.ts";
import type { Estate, Manager } from "./handover/hand-over.ts";
import { HandoverError } from "./handover/handover-error.ts";
import { handoverRequest } from "./handover/handover-variable.ts";
import { ownCommand } from "./handover/own-program.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import type { Successor } from "./handover/start-successor.ts";
import { onHangup } from "./hangup-signal.ts";
import { PassedSockets } from "./handover/passed-sockets.ts";
import { checkPrivateNetwork, explainRefusals, NOT_PRIVATE } from "./private-network.ts";
import { type ConnectionLimits, shareConnections } from "./connection-limits.ts";
import type { ProcessPlan, RelayPlan } from "./process-plan.ts";
import type { Reaper } from "./handover/reaper.ts";
import { RelayGroup } from "./relay-group.ts";
import { StartError, type StartFailure } from "./start-error.ts";
import { type StopRequests, stopRequests } from "./stop-signals.ts";
import { reportFaults } from "./uncaught-errors.ts";
import { ignoreUserSignals } from "./user-signals.ts";

/** How long it may take until no thread accepts clients any more, in milliseconds. */
const VACATE_MOST = 1_000;

const STANDARD_INPUT = 0;
const STANDARD_ERROR = 2;

/** The first process of a PID namespace, to which all orphans come (pid_namespaces(7)). */
const INIT = 1;

// sysexits(3): another start would end the same way.
const EX_CONFIG = 78;

/** Codes of failures that stay: a system call that is not to be had, a network that is not private. */
const PERMANENT: ReadonlySet<string> = new Set(["ENOSYS", NOT_PRIVATE]);

/** How much longer than the drain timeout a stop waits for earlier processes, in milliseconds. */
const EARLIER_MARGIN = 1_000;

/**
 * Runs the relays of a plan until the process is asked to stop, until nobody has used it for
 * `exitIdleTime`, or until another process has its place and its last connection has ended. Gives
 * the exit status: 1 if a relay or the admin server could not start, 78 if they never can; the log
 * then says why, or the process whose place this one was to take.
 */
export async function runPlan(plan: ProcessPlan, log: Log): Promise<number> {
  const predecessor = await meetPredecessor();
  await using running = new RunningProcess(plan, log, predecessor);
  try {
    return await running.run();
  } catch (error) {
    if (error instanceof HandoverError) {
      log.error(error.message, { event: "failed" });
      return 1;
    }
    const failures = failuresOf(error);
    if (failures.length === 0) throw error;
    if (predecessor !== null)
      predecessor.refuse(failures.map((failure) => failure.error.message).join("; "));
    else
      for (const { plan: failed, error: reason } of failures) {
        const { message, address, code } = reason;
        const own = failed === null ? log : logOf(failed, log);
        own.error(message, { event: "failed", address, code });
      }
    return failures.some((failure) => PERMANENT.has(failure.error.code)) ? EX_CONFIG : 1;
  }
}

/** What failed so that the process could not start, each with its relay if it is one's. */
function failuresOf(error: unknown): readonly StartFailure[] {
  if (error instanceof StartError) return error.failures;
  return error instanceof RelayError ? [{ plan: null, error }] : [];
}

/** The log of one relay. A name that is only the source would say nothing new in words. */
function logOf({ name, source }: RelayPlan, log: Log): Log {
  return log.named(name, name !== printAddress(source));
}

/** The process whose place this one takes; null if anybody else started this one. */
async function meetPredecessor(): Promise<Predecessor | null> {
  if (handoverRequest === null) return null;
  return await (await import("./handover/predecessor.ts")).meetPredecessor();
}

/**
 * The running relays of one process, with all that they share: signals, the service manager, the
 * admin server, the exit of an unused process, the handover to another process.
 */
class RunningProcess implements AsyncDisposable {
  readonly #plan: ProcessPlan;
  readonly #limits: ConnectionLimits;
  /** Says for all relays that the limit that they share is reached. */
  readonly #sharedLimit: Partial<Observer>;
  readonly #log: Log;
  /** Disposed in reverse order when the process ends. */
  readonly #parts = new AsyncDisposableStack();
  /** What only the process has that accepts clients: disposed after a handover, or at the end. */
  readonly #front: AsyncDisposableStack;
  readonly #requests: StopRequests;
  /** NOTIFY_SOCKET as it was before it was taken out of the environment. */
  readonly #notifySocket = process.env["NOTIFY_SOCKET"];
  readonly #idle = Promise.withResolvers<void>();
  readonly #predecessor: Predecessor | null;
  readonly #handovers: HandoverOnHangup;
  readonly #passed: PassedSockets;
  /** Null until all relays listen. */
  #relays: RelayGroup | null = null;
  #admin: AdminServers | null = null;
  /** Settles when the servers have answered the last of their clients after a handover. */
  #adminLeft: Promise<void> | undefined;
  /** Null if nobody can ask what the relays do. */
  #observation: Observation | null = null;
  #service: ServiceState | null = null;
  /** Null if no service manager is to know the main process. */
  #manager: Manager | null = null;
  #idleExit: IdleExit | null = null;
  /** Null if this process has taken nobody's place. */
  #earlier: EarlierProcesses | null = null;
  /** Null unless orphans become this process' children. */
  #reaper: Reaper | null = null;

  constructor(plan: ProcessPlan, log: Log, predecessor: Predecessor | null) {
    this.#plan = plan;
    this.#log = log;
    const { connectionsMax } = plan.processWide;
    this.#limits = shareConnections(plan.relays, this.#connectionsOfFiles(), connectionsMax);
    this.#sharedLimit = this.#limits.together === null ? {} : sharedLimitLog(log);
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

  /** A person who closes the terminal does not ask for a new process behind it. */
  #hungUp(): void {
    if (isHungUp(STANDARD_INPUT) || isHungUp(STANDARD_ERROR)) this.#requests.ask(1);
    else this.#handovers.hangUp();
  }

  /** Gives the exit status of a process that started. */
  async run(): Promise<number> {
    const { asked, askedAgain } = this.#requests;
    if (process.pid === INIT) await this.#reapOrphans();
    if (this.#plan.processWide.requirePrivateNetwork) checkPrivateNetwork(this.#notifySocket);
    await this.#openAdmin();
    this.#openService();
    // Starting may take long if a source is a name. A second request does not wait for it.
    const opening = this.#openRelays();
    const relays = await Promise.race([opening, askedAgain.then(() => null)]);
    if (relays === null) return 0;
    this.#relays = relays;
    this.#warnOfFiles();
    this.#warnOfOldUnits();
    if (this.#predecessor !== null && !(await this.#takePlace(this.#predecessor, relays))) return 0;
    this.#begin(relays);
    await Promise.race([asked, this.#idle.promise, this.#handovers.done]);
    const successor = await this.#handovers.stop();
    if (successor !== null) return await this.#linger(relays, successor);
    await this.#stop(relays, askedAgain);
    return 0;
  }

  /** This process has the place. */
  #begin(relays: RelayGroup): void {
    this.#service?.ready(relays.endpoints);
    this.#idleExit?.begin();
    this.#handovers.begin(() => this.#estate(relays));
  }

  /** Drains all relays; ends their connections once `hurry` settles. */
  async #stop(relays: RelayGroup, hurry: Promise<void>): Promise<void> {
    this.#service?.stopping(relays.connections);
    this.#earlier?.stop(null);
    const stopped = Promise.all([relays.stop(), this.#earlierEnd()]);
    await Promise.race([stopped, hurry]);
    this.#earlier?.stop(0);
    await relays.stop({ drainTimeout: 0 });
    await stopped;
  }

  /** Waits for the connections of earlier processes, which have a drain timeout, too. */
  async #earlierEnd(): Promise<void> {
    if (this.#earlier === null) return;
    const limit = this.#plan.processWide.drainTimeout + EARLIER_MARGIN;
    await Promise.race([this.#earlier.unladen(), Bun.sleep(limit)]);
  }

  /**
   * Accepts clients beside the process that hands over, until that one accepts nobody any more. False
   * if this process was asked to stop before, and has stopped.
   *
   * @throws {HandoverError} if the other process ends before.
   * @throws {RelayError} if the file of a Unix socket cannot have the permissions of the plan.
   */
  async #takePlace(predecessor: Predecessor, relays: RelayGroup): Promise<boolean> {
    try {
      predecessor.setPermissions();
      relays.accept();
      this.#admin?.accept();
      const taken = predecessor.take().then(() => true);
      if (!(await Promise.race([taken, this.#requests.asked.then(() => false)]))) {
        await this.#giveBack(predecessor, relays);
        return false;
      }
    } catch (error) {
      await this.#giveBack(predecessor, relays);
      throw error;
    }
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

  /** Drains, and leaves the other process what is its own. */
  async #giveBack(predecessor: Predecessor, relays: RelayGroup): Promise<void> {
    const drained = Promise.all([
      relays.giveBack(),
      this.#admin?.leave((_index, role, address) => !predecessor.hasClaimed(role, address)),
    ]);
    await Promise.race([drained, this.#requests.askedAgain]);
    await relays.giveBack({ drainTimeout: 0 });
  }

  #orphaned(): void {
    this.#log.warn("the first process has ended, and this one stops", { event: "orphaned" });
    this.#requests.ask(1);
  }

  /** What another process needs to take the place of this one. */
  async #estate(relays: RelayGroup): Promise<Estate> {
    const isParent = this.#predecessor === null && this.#manager === null;
    if (isParent) await this.#reapOrphans();
    return {
      listeners: [...relays.listeners, ...(this.#admin?.listeners ?? [])],
      passed: this.#passed,
      relays: relays.lastIds,
      earlier: this.#earlier,
      manager: this.#manager,
      vacate: (claimed) => this.#vacate(relays, claimed),
      reaper: isParent ? this.#reaper : null,
    };
  }

  /** Accepts nobody any more, while another process uses the listeners with these indices. */
  async #vacate(relays: RelayGroup, claimed: ReadonlySet<number>): Promise<void> {
    // The servers come after the sources.
    const sources = relays.listeners.length;
    this.#observation?.handOver();
    this.#adminLeft = this.#admin?.leave((index) => !claimed.has(sources + index));
    // A worker that hangs accepts nobody, either.
    await Promise.race([relays.leave(claimed), Bun.sleep(VACATE_MOST)]);
  }

  /** Goes on until the last connection has ended, while another process has the place. */
  async #linger(relays: RelayGroup, successor: Successor): Promise<number> {
    const { pid } = successor;
    const open = relays.connections;
    const words = open === 0 ? "" : `; open connections that stay here: ${open}`;
    this.#log.info(`handed over to process ${pid}${words}`, {
      ...{ event: "handed_over", to: pid, open },
    });
    const reaper = this.#predecessor === null && this.#manager === null ? this.#reaper : null;
    await this.#front.disposeAsync();
    const { linger } = await import("./handover/linger.ts");
    const left = Promise.all([relays.stopped, this.#adminLeft]);
    return await linger({ relays, left, successor, requests: this.#requests, reaper });
  }

  /** Waits for children that nobody else waits for. */
  async #reapOrphans(): Promise<void> {
    if (libc === null || this.#reaper !== null) return;
    const { Reaper } = await import("./handover/reaper.ts");
    this.#reaper = this.#parts.use(new Reaper());
  }

  #openRelays(): Promise<RelayGroup> {
    const { exitIdleTime, workers, drainTimeout } = this.#plan.processWide;
    if (exitIdleTime !== undefined)
      this.#idleExit = this.#front.use(new IdleExit(exitIdleTime, () => void this.#stopIfIdle()));
    const observers = new Map(this.#plan.relays.map((plan) => [plan, this.#observerOf(plan)]));
    this.#parts.use(
      reportFaults((error) => {
        // Nobody knows which relay an uncaught error belongs to.
        const [observer] = observers.values();
        observer?.fault(error);
      }),
    );
    const openRelay = relayOpener(workers, this.#limits.together);
    return RelayGroup.open(
      this.#plan.relays,
      (plan) => this.#sourceOf(plan),
      async (plan, source) => {
        const { destination, settings } = plan;
        const observer = observers.get(plan);
        const connectionsMax = this.#limits.of(plan);
        const options = {
          ...settings,
          connectionsMax,
          source,
          destination,
          observer,
          drainTimeout,
          identifyClients: this.#plan.processWide.accessLog,
        };
        const relay = await openRelay(options, this.#predecessor?.lastIdOf(plan.name));
        const log = logOf(plan, this.#log);
        warnOfTheOpen(relay.endpoint, destination, log);
        return relay;
      },
    );
  }

  /** The socket of a source, if this process was given one; else the address to open. */
  #sourceOf({ name, source, settings }: RelayPlan): Source {
    if (source.kind === "systemd" || source.kind === "fd") return this.#passed.source(source);
    return (
      this.#passed.adopt(name, source, settings.mode) ??
      this.#predecessor?.claim("source", source, settings) ??
      source
    );
  }

  /**
   * Warns where the units are older than the file. Clients of a passed socket that no relay uses are
   * never accepted. A relay without a socket listens within the sandbox, perhaps in an empty network.
   */
  #warnOfOldUnits(): void {
    for (const source of this.#passed.unknown)
      this.#log.warn(
        `systemd passed no socket for ${source}: the relay listens by itself, as far as the service's ` +
          "sandbox lets it; write the units again (units --config=FILE --force)",
        { event: "no_socket" },
      );
    for (const socket of this.#passed.unused)
      this.#log.warn(
        `systemd passed the socket ${socket}, and no relay has it as its source: its clients wait ` +
          "and nobody accepts them; stop and disable its .socket unit",
        { event: "unused_socket" },
      );
  }

  #observerOf(plan: RelayPlan): Observer {
    const { destination } = plan;
    const log = logOf(plan, this.#log);
    const observer = combineObservers([
      logObserver(log, destination, {
        connectionsMax: this.#limits.of(plan),
        isOfFiles: this.#limits.isOfFiles(plan),
      }),
      this.#sharedLimit,
      ...(this.#plan.processWide.accessLog ? [accessLog(log, destination)] : []),
      ...this.#observationOf(plan),
      ...(this.#service === null ? [] : [this.#service.watch()]),
      ...(this.#idleExit === null ? [] : [this.#idleExit.observer]),
    ]);
    return explainRefusals(observer, destination, this.#notifySocket);
  }

  /** As many connections as the limit of open files can carry. */
  #connectionsOfFiles(): number {
    const { processWide, relays } = this.#plan;
    const workers = workerCount(processWide.workers);
    const others = serverDescriptors(processWide) + descriptorsOfRelays(relays.length, workers);
    return connectionsMaxDefault(workers, others);
  }

  /** Says once that there are not the descriptors for as many connections as were asked for. */
  #warnOfFiles(): void {
    const most = this.#connectionsOfFiles();
    const { asked } = this.#limits;
    if (asked <= most) return;
    const many = this.#plan.relays.length > 1;
    this.#log.warn(
      `${many ? "connections-max of all relays" : "--connections-max"} is ${asked}, and the limit ` +
        `of open files carries ${most}: raise it (LimitNOFILE= in a unit, ulimit -n elsewhere)`,
      { event: "few_files" },
    );
  }

  /** What somebody may ask about a relay. */
  #observationOf(plan: RelayPlan): readonly Partial<Observer>[] {
    if (this.#observation === null) return [];
    const { name, source, destination, shownOptions: options } = plan;
    const connectionsMax = this.#limits.of(plan);
    return this.#observation.add({ name, source, destination, options, connectionsMax });
  }

  /** The servers of `--admin` and `--metrics`, if they are asked for; their code is loaded only then. */
  async #openAdmin(): Promise<void> {
    const { processWide } = this.#plan;
    if (!hasAdminServers(processWide)) return;
    const { Observation } = await import("../observe/figures/observation.ts");
    this.#observation = this.#front.use(
      new Observation({
        connectionsMax: this.#limits.together,
        logLinesLost: () => this.#log.linesLost(),
        earlierConnections: () => this.#earlier?.connections ?? 0,
        look: () => this.#relays?.lookForFiles(),
      }),
    );
    this.#admin = this.#front.use(
      await AdminServers.open(
        processWide,
        this.#observation,
        this.#log,
        (role, address, permissions) =>
          this.#predecessor?.claim(role, address, permissions) ?? null,
      ),
    );
    for (const endpoint of this.#admin.endpoints)
      if (!staysLocal(endpoint, "source"))
        this.#log.warn(
          `${printAddress(endpoint)} is not loopback: whoever reaches it reads the metrics`,
          { event: "not_loopback" },
        );
  }

  /** Tells systemd of this process, if systemd asks. */
  #openService(): void {
    const warn = (message: string) => this.#log.warn(message, { event: "warning" });
    const socket = process.env["NOTIFY_SOCKET"];
    const plain = takeNotifier(process.env, warn);
    const watchdogPeriod = takeWatchdogPeriod(process.env, process.pid);
    if (plain === null || socket === undefined) return;
    const notifier = new HeldNotifier(plain);
    // Another process is the main one until this one has its place.
    if (this.#predecessor === null) notifier.release();
    // The first process of a container stays the main one: it must not end before the others.
    if (process.pid !== INIT) this.#manager = { notifier, socket };
    const { drainTimeout } = this.#plan.processWide;
    const responds = async () => this.#relays?.responds();
    this.#service = this.#front.use(
      new ServiceState(notifier, watchdogPeriod, drainTimeout, responds),
    );
  }

  /** Stops all relays unless one has a connection, here or in an earlier process. */
  async #stopIfIdle(): Promise<void> {
    const isUsed = this.#handovers.isUnderWay || (this.#earlier?.count ?? 0) > 0;
    if (isUsed) this.#idleExit?.begin();
    else if (await this.#relays?.stopIfIdle()) this.#idle.resolve();
  }
}

/** Says once that what leaves this machine is as readable as before. */
function warnOfTheOpen(source: SocketEndpoint, destination: SocketEndpoint, log: Log): void {
  const open = [
    ...(staysLocal(source, "source") ? [] : [source]),
    ...(staysLocal(destination, "destination") ? [] : [destination]),
  ].map(printAddress);
  if (open.length === 0) return;
  log.warn(
    `${open.join(" and ")} ${open.length > 1 ? "are" : "is"} not loopback, and nothing is encrypted ` +
      "here: over a network use spiped or a VPN",
    { event: "not_loopback" },
  );
}
