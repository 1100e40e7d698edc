import { defineCommand } from "citty";
import { printAddress, staysLocal, type Endpoint } from "../../address/address.ts";
import { createRelay, type Relay, RelayError } from "../../index.ts";
import { createLog, type Log } from "../../observe/log/log.ts";
import { connectionsMaxDefault } from "../../relay/listen/admission.ts";
import { combineObservers } from "../../relay/combine-observers.ts";
import { exitWhenIdle } from "../../process/exit-idle-time.ts";
import { takeNotifier } from "../../systemd/notify-socket.ts";
import { ServiceState, takeWatchdogPeriod } from "../../systemd/service-state.ts";
import { logObserver } from "../../observe/log/event-log.ts";
import { accessLog } from "../../observe/log/access-log.ts";
import type { Admin } from "../../observe/admin/admin-server.ts";
import { checkDistinct, readAddresses } from "../line/read-addresses.ts";
import { workerCount } from "../../workers/worker-count.ts";
import { argumentsOf, checkSource, readValues, showOptions } from "../line/option-values.ts";
import { reportFaults } from "../../process/uncaught-errors.ts";
import { COMMANDS, type OptionValues } from "../line/option-table.ts";
import { stopRequests } from "../../process/stop-signals.ts";

/** How long the end of the process waits for somebody to take the last lines of the log. */
const LAST_LINES_MS = 500;

/** The command that goes without a name: relays until it is asked to stop. */
export const relayCommand = defineCommand({
  meta: { name: "relay", description: COMMANDS.relay.summary },
  args: argumentsOf("relay"),
  async run({ args }): Promise<number> {
    const values = readValues("relay", args);
    const addresses = readAddresses(args._);
    checkDistinct(addresses, values.admin);
    const { source, destination } = addresses;
    checkSource(values, source);
    const log = createLog(values.logLevel, values.logFormat);
    try {
      return await relay(source, destination, values, showOptions("relay", args), log);
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      log.error(error.message, { event: "failed", address: error.address, code: error.code });
      return 1;
    } finally {
      await log.flush(LAST_LINES_MS);
    }
  },
});

/** Relays until it is asked to stop; gives the exit status. */
async function relay(
  source: Endpoint,
  destination: Endpoint,
  options: OptionValues,
  shownOptions: Readonly<Record<string, string>>,
  log: Log,
): Promise<number> {
  let running: Relay | undefined;
  const idle = Promise.withResolvers<void>();
  const connectionsMax =
    options.connectionsMax ?? connectionsMaxDefault(workerCount(options.workers));
  using requests = stopRequests();
  await using admin = await adminOf(options, shownOptions, destination, connectionsMax, log);
  using service = serviceOf(options, log, async () => running?.responds());
  const observer = combineObservers([
    logObserver(log, destination, connectionsMax),
    ...(options.accessLog ? [accessLog(log, destination)] : []),
    ...(admin?.observers ?? []),
    ...(service === null ? [] : [service.observer]),
    ...(options.exitIdleTime === undefined
      ? []
      : [exitWhenIdle(options.exitIdleTime, () => leave(running, idle.resolve))]),
  ]);
  using _faults = reportFaults((error) => observer.fault(error));
  const started = createRelay({ ...options, connectionsMax, source, destination, observer });
  // Starting may take long where SOURCE is a name; a second request does not wait for it.
  running = await Promise.race([started, requests.askedAgain.then(() => undefined)]);
  if (!running) return 0;
  warnOfTheOpen(running.endpoint, destination, log);
  await Promise.race([requests.asked, idle.promise]);
  const stopped = running.stop();
  await Promise.race([stopped, requests.askedAgain]);
  await running.stop({ drainTimeout: 0 });
  await stopped;
  return 0;
}

/** The admin address, where one is asked for; what it needs is loaded only then. */
async function adminOf(
  options: OptionValues,
  shownOptions: Readonly<Record<string, string>>,
  destination: Endpoint,
  connectionsMax: number,
  log: Log,
): Promise<Admin | null> {
  if (options.admin === undefined) return null;
  const { openAdmin } = await import("../../observe/admin/admin-server.ts");
  const admin = await openAdmin(options.admin, {
    destination,
    options: shownOptions,
    connectionsMax,
    log,
  });
  const address = printAddress(admin.endpoint);
  log.info(`status and metrics on ${address}`, { event: "admin", address });
  return admin;
}

/** What tells systemd of this process; null where it does not ask. */
function serviceOf(
  { drainTimeout }: OptionValues,
  log: Log,
  responds: () => Promise<void>,
): ServiceState | null {
  const notifier = takeNotifier(process.env, (message) => log.warn(message, { event: "warning" }));
  const watchdogPeriod = takeWatchdogPeriod(process.env, process.pid);
  return notifier && new ServiceState(notifier, watchdogPeriod, drainTimeout, responds);
}

/** Stops unless somebody has come; then the idle time counts from the end of that connection on. */
function leave(running: Relay | undefined, done: () => void): void {
  void running?.stopIfIdle().then((stopped) => stopped && done());
}

/** Says once that what leaves this machine is as readable as before. */
function warnOfTheOpen(source: Endpoint, destination: Endpoint, log: Log): void {
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
