import { printAddress, staysLocal } from "../address/address.ts";
import { createRelay } from "../create-relay.ts";
import type { Admin } from "../observe/admin/admin-server.ts";
import { HTTP_FILES_MOST } from "../observe/admin/http-limits.ts";
import { accessLog } from "../observe/log/access-log.ts";
import { logObserver } from "../observe/log/event-log.ts";
import type { Log } from "../observe/log/log.ts";
import { combineObservers } from "../relay/combine-observers.ts";
import { RelayError } from "../relay/error.ts";
import { connectionsMaxDefault } from "../relay/listen/descriptor-budget.ts";
import type { Observer } from "../relay/observer.ts";
import type { Relay } from "../relay/running-relay.ts";
import { takeNotifier } from "../systemd/notify-socket.ts";
import { ServiceState, takeWatchdogPeriod } from "../systemd/service-state.ts";
import { workerCount } from "../workers/worker-count.ts";
import { IdleExit } from "./exit-idle-time.ts";
import { onHangup } from "./hangup-signal.ts";
import type { ProcessPlan, RelayPlan } from "./process-plan.ts";
import { type StopRequests, stopRequests } from "./stop-signals.ts";
import { reportFaults } from "./uncaught-errors.ts";
import { ignoreUserSignals } from "./user-signals.ts";

/**
 * Runs the relays of a plan until the process is asked to stop, or until nobody has used it for
 * `exitIdleTime`. Gives the exit status: 1 if a relay or the admin server could not start, which the
 * log then says.
 */
export async function runPlan(plan: ProcessPlan, log: Log): Promise<0 | 1> {
  await using running = new RunningProcess(plan, log);
  try {
    return await running.run();
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    log.error(error.message, { event: "failed", address: error.address, code: error.code });
    return 1;
  }
}

/**
 * The running relays of one process, with all that they share: signals, the service manager, the
 * admin server, the exit of an unused process.
 */
class RunningProcess implements AsyncDisposable {
  readonly #plan: ProcessPlan;
  readonly #log: Log;
  /** Disposed in reverse order when the process ends. */
  readonly #parts = new AsyncDisposableStack();
  readonly #requests: StopRequests;
  readonly #idle = Promise.withResolvers<void>();
  /** Empty until all relays listen. */
  #relays: readonly Relay[] = [];
  #admin: Admin | null = null;
  #service: ServiceState | null = null;

  constructor(plan: ProcessPlan, log: Log) {
    this.#plan = plan;
    this.#log = log;
    this.#requests = this.#parts.use(stopRequests());
    this.#parts.use(ignoreUserSignals());
    this.#parts.use(onHangup(() => this.#hangUp()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.disposeAsync();
  }

  #hangUp(): void {
    this.#log.info("HUP: nothing to do, the relay goes on as it is", { event: "hangup" });
  }

  /** Gives the exit status of a process that started. */
  async run(): Promise<0> {
    const { asked, askedAgain } = this.#requests;
    await this.#openAdmin();
    this.#openService();
    // Starting may take long if a source is a name. A second request does not wait for it.
    const listening = this.#startRelays().then(() => true);
    if (!(await Promise.race([listening, askedAgain.then(() => false)]))) return 0;
    await Promise.race([asked, this.#idle.promise]);
    await this.#stop(askedAgain);
    return 0;
  }

  /** Drains all relays; ends their connections once `hurry` settles. */
  async #stop(hurry: Promise<void>): Promise<void> {
    this.#service?.stopping(this.#connections);
    const stopped = Promise.all(this.#relays.map((relay) => relay.stop()));
    await Promise.race([stopped, hurry]);
    await Promise.all(this.#relays.map((relay) => relay.stop({ drainTimeout: 0 })));
    await stopped;
  }

  get #connections(): number {
    return this.#relays.reduce((sum, { connections }) => sum + connections, 0);
  }

  /** Starts every relay, or none: the first failure is thrown after the others have stopped. */
  async #startRelays(): Promise<void> {
    const { exitIdleTime } = this.#plan.processWide;
    const idleExit =
      exitIdleTime === undefined
        ? null
        : this.#parts.use(new IdleExit(exitIdleTime, () => void this.#stopIfIdle()));
    const shared = [
      ...(this.#service === null ? [] : [this.#service.observer]),
      ...(idleExit === null ? [] : [idleExit.observer]),
    ];
    const observers = this.#plan.relays.map((plan) => this.#observerOf(plan, shared));
    this.#parts.use(
      reportFaults((error) => {
        // Nobody knows which relay an uncaught error belongs to.
        observers[0]?.fault(error);
      }),
    );
    const started = await Promise.allSettled(
      this.#plan.relays.map((plan, index) => this.#startRelay(plan, observers[index])),
    );
    const relays = started.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const failed = started.find((each) => each.status === "rejected");
    if (failed !== undefined) {
      await Promise.all(relays.map((relay) => relay[Symbol.asyncDispose]()));
      throw failed.reason;
    }
    this.#relays = relays;
    for (const [index, plan] of this.#plan.relays.entries())
      warnOfTheOpen(plan, relays[index], this.#log);
    this.#service?.ready(relays.map(({ endpoint }) => endpoint));
    idleExit?.begin();
  }

  #startRelay(plan: RelayPlan, observer: Partial<Observer> | undefined): Promise<Relay> {
    const { workers, drainTimeout } = this.#plan.processWide;
    const { source, destination, settings } = plan;
    return createRelay({
      ...settings,
      connectionsMax: this.#connectionsMaxOf(plan),
      ...{ source, destination, observer, workers, drainTimeout },
    });
  }

  #observerOf(plan: RelayPlan, shared: readonly Partial<Observer>[]): Observer {
    const { destination } = plan;
    return combineObservers([
      logObserver(this.#log, destination, this.#connectionsMaxOf(plan)),
      ...(this.#plan.processWide.accessLog ? [accessLog(this.#log, destination)] : []),
      ...(this.#admin?.observers ?? []),
      ...shared,
    ]);
  }

  #connectionsMaxOf({ settings }: RelayPlan): number {
    const { workers, admin } = this.#plan.processWide;
    const others = admin === undefined ? 0 : HTTP_FILES_MOST;
    return settings.connectionsMax ?? connectionsMaxDefault(workerCount(workers), others);
  }

  /** The admin server, if one is asked for; what it needs is loaded only then. */
  async #openAdmin(): Promise<void> {
    const { admin } = this.#plan.processWide;
    const [relay] = this.#plan.relays;
    if (admin === undefined || relay === undefined) return;
    const { openAdmin } = await import("../observe/admin/admin-server.ts");
    this.#admin = this.#parts.use(
      await openAdmin(admin, {
        destination: relay.destination,
        options: relay.shownOptions,
        connectionsMax: this.#connectionsMaxOf(relay),
        log: this.#log,
      }),
    );
    const address = printAddress(this.#admin.endpoint);
    this.#log.info(`status and metrics on ${address}`, { event: "admin", address });
  }

  /** Tells systemd of this process, if systemd asks. */
  #openService(): void {
    const warn = (message: string) => this.#log.warn(message, { event: "warning" });
    const notifier = takeNotifier(process.env, warn);
    const watchdogPeriod = takeWatchdogPeriod(process.env, process.pid);
    if (notifier === null) return;
    const { drainTimeout } = this.#plan.processWide;
    const responds = async () => {
      await Promise.all(this.#relays.map((relay) => relay.responds()));
    };
    this.#service = this.#parts.use(
      new ServiceState(notifier, watchdogPeriod, drainTimeout, responds),
    );
  }

  /** Stops all relays unless one has a connection. */
  async #stopIfIdle(): Promise<void> {
    if (this.#connections > 0) return;
    const stopped = await Promise.all(this.#relays.map((relay) => relay.stopIfIdle()));
    if (stopped.every((each) => each)) this.#idle.resolve();
  }
}

/** Says once that what leaves this machine is as readable as before. */
function warnOfTheOpen({ destination }: RelayPlan, relay: Relay | undefined, log: Log): void {
  if (relay === undefined) return;
  const open = [
    ...(staysLocal(relay.endpoint, "source") ? [] : [relay.endpoint]),
    ...(staysLocal(destination, "destination") ? [] : [destination]),
  ].map(printAddress);
  if (open.length === 0) return;
  log.warn(
    `${open.join(" and ")} ${open.length > 1 ? "are" : "is"} not loopback, and nothing is encrypted ` +
      "here: over a network use spiped or a VPN",
    { event: "not_loopback" },
  );
}
