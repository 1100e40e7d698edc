import type { Observation } from "../observe/figures/observe-process.ts";
import type { Log } from "../observe/log/log.ts";
import { formatNumberOf } from "../observe/figures/print-figures.ts";
import { libc } from "../os/libc.ts";
import type { ServiceState } from "../systemd/report-service-state.ts";
import type { HandoverNotifier } from "../systemd/hold-messages-during-handover.ts";
import type { AdminServers } from "./admin-and-metrics-servers.ts";
import type { EarlierProcesses } from "./handover/earlier-processes.ts";
import type { KilledProcess } from "./handover/first-process-as-parent.ts";
import type { Estate } from "./handover/hand-over.ts";
import { HandoverRequests } from "./handover/handover-requests.ts";
import type { Manager } from "./handover/move-main-process.ts";
import type { PassedSockets } from "./handover/systemd-sockets-across-handovers.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import type { Reaper } from "./handover/reap-orphans.ts";
import type { Successor } from "./handover/start-successor.ts";
import type { RelaysOfProcess } from "./relays-of-process.ts";
import type { StopRequests } from "./stop-signals.ts";
import { takeOver } from "./take-over.ts";

/**
 * The maximum time, in milliseconds, that a handover waits until all threads of this process have
 * stopped accepting clients.
 */
const VACATE_MOST = 1_000;

interface HandoverNeeds {
  readonly log: Log;
  readonly predecessor: Predecessor | null;
  readonly passed: PassedSockets;
  readonly requests: StopRequests;
  /** The command that starts this program again. */
  readonly command: readonly string[];
  /** The environment that this process had at its start. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The parts of the process, which are disposed at the end of the process. */
  readonly parts: AsyncDisposableStack;
  /**
   * The parts that the process needs only while it accepts clients. They are disposed after a
   * handover.
   */
  readonly front: AsyncDisposableStack;
}

/** The parts of a process that take part in a handover, once all its relays listen. */
export interface OpenedParts {
  readonly relays: RelaysOfProcess;
  readonly admin: AdminServers | null;
  /** The figures about the relays; null if the process has no admin and no metrics server. */
  readonly observation: Observation | null;
  readonly service: ServiceState | null;
  /**
   * The notifier and the socket with which a handover tells the service manager that the
   * successor is the new main process. Null if there is no service manager, or if this process
   * stays the main process after a handover (`ServiceManager.manager`).
   */
  readonly manager: Manager | null;
  /**
   * Holds back the messages to the service manager until this process has taken over; null if there
   * is no service manager.
   */
  readonly notifier: HandoverNotifier | null;
}

/**
 * The handovers of one process: it may take over from a predecessor, and later it may hand over to
 * a successor and linger until its last connection ends.
 */
export class HandoversOfProcess {
  readonly #needs: HandoverNeeds;
  readonly #requested: HandoverRequests;
  /**
   * The earlier processes that still run; null unless this process took over from a predecessor.
   */
  #earlier: EarlierProcesses | null = null;
  /**
   * Collects the exit statuses of orphans that become children of this process; null if this
   * process gets no orphans.
   */
  #reaper: Reaper | null = null;
  /**
   * Settles when the admin and metrics servers have answered their last client; undefined before
   * the handover.
   */
  #adminLeft: Promise<void> | undefined;

  constructor(needs: HandoverNeeds) {
    this.#needs = needs;
    const { log, command, environment } = needs;
    this.#requested = new HandoverRequests({ log, command, environment });
  }

  /** Settles after a successor has taken over. */
  get done(): Promise<Successor> {
    return this.#requested.done;
  }

  /** The earlier processes that still run; null if this process did not take over. */
  get earlier(): EarlierProcesses | null {
    return this.#earlier;
  }

  /** Whether a handover is running, or an earlier process still has open connections. */
  get isBusy(): boolean {
    return this.#requested.isUnderWay || (this.#earlier?.count ?? 0) > 0;
  }

  /** Asks for a handover, because HUP has arrived. */
  hangUp(): void {
    this.#requested.hangUp();
  }

  /**
   * Takes over from the predecessor. Returns true when the handover is complete. Returns false if
   * this process was asked to stop before the handover was complete, or if the predecessor gave the
   * handover up; in these cases its relays have stopped.
   */
  async takeOver(predecessor: Predecessor, opened: OpenedParts): Promise<boolean> {
    const { log, requests, front } = this.#needs;
    const { relays, admin, service, notifier } = opened;
    if (!(await takeOver(predecessor, { relays, admin, requests }))) return false;
    relays.takeCapturePaths();
    const { pid } = predecessor.document;
    log.info(`took over from process ${pid}`, { event: "took_over", from: pid });
    this.#earlier = front.use(
      await predecessor.becomeEarlier({
        asked: (times) => requests.ask(times),
        hangUp: () => this.hangUp(),
        orphaned: () => this.#orphaned(),
        open: (connections) => service?.openElsewhere(connections),
      }),
    );
    notifier?.release();
    return true;
  }

  /** From now on, HUP starts a handover to a new process. */
  begin(opened: OpenedParts): void {
    this.#requested.begin(() => this.#estate(opened));
  }

  /**
   * Allows no further handover. Returns the successor if a handover has succeeded, otherwise null.
   */
  async stop(): Promise<Successor | null> {
    return await this.#requested.stop();
  }

  /**
   * Runs the process after a handover until its last connection has ended; returns the exit status.
   */
  async linger(opened: OpenedParts, successor: Successor): Promise<number> {
    const { log, requests, front } = this.#needs;
    const { relays } = opened;
    const { pid } = successor;
    const open = relays.connections;
    const reaper = this.#isParent(opened) ? this.#reaper : null;
    const words = open === 0 ? "" : `; open connections that stay here: ${open}`;
    const role = reaper === null ? "" : "; this process stays, and passes signals on to it";
    log.info(`handed over to process ${pid}${role}${words}`, {
      ...{ event: "handed_over", to: pid, open },
    });
    await front.disposeAsync();
    const { lingerAfterHandover: linger } = await import("./handover/linger-after-handover.ts");
    const left = Promise.all([relays.stopped, this.#adminLeft]);
    const killed = (process: KilledProcess) => this.#laterKilled(process, relays.connections);
    return await linger({ relays, left, successor, requests, reaper, killed });
  }

  /** Logs that a signal has ended a later process, which could not log it itself. */
  #laterKilled({ pid, signal, wasNewest }: KilledProcess, open: number): void {
    const { log } = this.#needs;
    const fields = { event: "later_killed", pid, signal, newest: wasNewest, open };
    const what = `process ${pid} was killed by ${signal}`;
    if (!wasNewest) return log.warn(`${what}: the connections that it still had are cut`, fields);
    const still =
      open === 0 ? "" : `; this process first ends its ${formatNumberOf(open, "connection")}`;
    log.error(`${what}: nobody can connect until the relay is started again${still}`, fields);
  }

  /**
   * Collects from now on the exit statuses of orphans that become children of this process. Does
   * nothing if this process collects them already, or if FFI is not available.
   */
  async reapOrphans(): Promise<void> {
    if (libc === null || this.#reaper !== null) return;
    const { Reaper } = await import("./handover/reap-orphans.ts");
    this.#reaper = this.#needs.parts.use(new Reaper());
  }

  /** Whether this process stays as the parent of its successors. */
  #isParent({ manager }: OpenedParts): boolean {
    return this.#needs.predecessor === null && manager === null;
  }

  #orphaned(): void {
    const { log, requests } = this.#needs;
    log.warn("the first process has ended, and this one stops", { event: "orphaned" });
    requests.ask(1);
  }

  /** Returns everything that this process hands over to a successor. */
  async #estate(opened: OpenedParts): Promise<Estate> {
    const { relays, admin, manager } = opened;
    const isParent = this.#isParent(opened);
    if (isParent) await this.reapOrphans();
    return {
      listeners: [...relays.listeners, ...(admin?.listeners ?? [])],
      passed: this.#needs.passed,
      relays: relays.handed,
      earlier: this.#earlier,
      manager,
      vacate: (claimed) => this.#vacate(opened, claimed),
      reaper: isParent ? this.#reaper : null,
    };
  }

  /**
   * Stops accepting clients, because a successor takes over.
   *
   * @param claimed - the indices, in `Estate.listeners`, of the sockets that the successor uses
   */
  async #vacate(
    { relays, admin, observation }: OpenedParts,
    claimed: ReadonlySet<number>,
  ): Promise<void> {
    // In `Estate.listeners`, the sockets of the servers follow the sockets of the sources.
    const sources = relays.listeners.length;
    observation?.handOver();
    this.#adminLeft = admin?.leave((index) => !claimed.has(sources + index));
    // Wait at most `VACATE_MOST` milliseconds, because a hanging worker never reports that it has
    // stopped accepting. It is safe not to wait for this report: a hanging worker accepts no
    // clients.
    await Promise.race([relays.leave(claimed), Bun.sleep(VACATE_MOST)]);
  }
}
