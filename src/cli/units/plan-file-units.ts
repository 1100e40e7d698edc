import type { SocketEndpoint } from "../../address/address.ts";
import { readConfigFile } from "../../config/read-config-file.ts";
import type { OptionValues } from "../../options/option-table.ts";
import type { ProcessPlan, ProcessWide, RelayPlan } from "../../process/process-plan.ts";
import { socketName } from "../../systemd/units/socket-unit.ts";
import { isTemplate } from "../../systemd/units/specifiers.ts";
import { defaultFileName, UNIT_NAME_MAX } from "../../systemd/units/unit-name.ts";
import type { UnitPlan, UnitRelay } from "../../systemd/units/unit-plan.ts";
import { serverDescriptors } from "../../process/admin-and-metrics-servers.ts";
import { workerCount } from "../../workers/worker-count.ts";
import { fileOverrides } from "../line/file-overrides.ts";
import type { GivenOptions } from "../line/parse-command-line.ts";
import { UsageError } from "../line/usage-error.ts";
import { configPath } from "./config-file-path.ts";
import { checkRemovedFolders } from "./check-removed-folders.ts";
import { checkUserUnit } from "./check-user-unit.ts";
import {
  checkAddress,
  checkDevice,
  checkListening,
  checkSandbox,
  checkName,
  checkOptions,
  checkOwnSource,
  checkReadersOfAdmin,
  checkServers,
  fixedSource,
  isOfInstance,
} from "./check-options-of-units.ts";
import {
  accountOption,
  exitIdleTime,
  filePermissions,
  processPlan,
  relayOptions,
  SHORT_DRAIN,
} from "./plan-units.ts";
import { ofAnyUser, ofAnyUsersValues } from "./paths-for-any-user.ts";

/**
 * Plans the units of a configuration file: one service runs all relays, and each relay has a
 * .socket unit unless `--no-socket` is given. The file needs no change for systemd: each relay
 * finds the socket for its source among the sockets that systemd passes. The service's command line
 * does not repeat options that the file sets. The command line would override the file, so a value
 * that the user changes in the file later would have no effect.
 *
 * @throws {UsageError} if the units cannot do what the file or the command line says
 * @throws {ConfigError} if the file cannot be read or has mistakes
 */
export function planFileUnits(
  written: string,
  values: OptionValues,
  given: GivenOptions,
  program: string,
): UnitPlan {
  const plan = readConfigFile(written, fileOverrides(given));
  const config = configPath(written, values);
  const all = ofAnyUsersValues(withFile(values, plan.processWide));
  const name = values.name ?? defaultFileName(config);
  if (isTemplate(name))
    throw new UsageError(
      "--name=NAME@ is a template, and the relays of a file have no instance: leave out the @",
    );
  if (isOfInstance(values.service))
    throw new UsageError(
      "--service: %i is an instance, and the relays of a file have none: write the instance's name",
    );
  const adminGroup = adminGroupOf(plan, given);
  const relays = plan.relays.map((relay) =>
    naming(relay, () => unitRelay(relay, name, all, plan.processWide)),
  );
  checkServers(all);
  checkOptions(all, {});
  if (all.noSocket) checkOneOfEach(relays, adminGroup);
  checkReadersOfAdmin(relays, all);
  checkName(name, all);
  const connectionsMax = connectionsOf(plan);
  const drainsShortly = values.service !== undefined && !plan.chosen.has("drainTimeout");
  const units = {
    ...processPlan(all, adminGroup),
    ...{ name, program, relays, config },
    options: relayOptions(
      withoutName(given),
      {
        // On the service's command line, `--drain-timeout` overrides a value that the user may
        // later write into the file. This does no harm: after such a change the user must make new
        // units anyway, because TimeoutStopSec= depends on the value.
        ...(drainsShortly && { drainTimeout: SHORT_DRAIN.text }),
        ...(values.service !== undefined && { requirePrivateNetwork: true }),
        ...exitIdleTime(given),
      },
      !values.noSocket,
    ),
    drainTimeout: drainsShortly ? SHORT_DRAIN.milliseconds : all.drainTimeout,
    serverDescriptors: serverDescriptors(all),
    ...(connectionsMax > 0 && { connectionsMax }),
    workers: workerCount(all.workers),
  };
  checkRemovedFolders(units);
  return units;
}

/**
 * Adds the process-wide values of the configuration file (`wide`) to the values of the command line
 * (`values`). Where both have a value, `wide` already has the command line's value.
 */
function withFile(values: OptionValues, wide: ProcessWide): OptionValues {
  const { admin, adminMode, adminGroup, metrics, exitIdleTime: idle } = wide;
  return {
    ...values,
    ...{ workers: wide.workers, accessLog: wide.accessLog, drainTimeout: wide.drainTimeout },
    ...(admin !== undefined && { admin }),
    ...(adminMode !== undefined && { adminMode }),
    ...(adminGroup !== undefined && { adminGroup }),
    ...(metrics !== undefined && { metrics }),
    ...(idle !== undefined && { exitIdleTime: idle }),
  };
}

/**
 * The group of the admin socket's file, as text for a unit; undefined if neither the command line
 * nor the file sets the group. A name is not replaced by a number, because the machine that runs
 * the unit looks up the name.
 */
function adminGroupOf({ relays }: ProcessPlan, given: GivenOptions): string | undefined {
  return accountOption({ ...relays[0]?.shownOptions, ...given }, "adminGroup");
}

function unitRelay(
  relay: RelayPlan,
  units: string,
  all: OptionValues,
  { admin, accessLog }: ProcessWide,
): UnitRelay {
  const { name, settings } = relay;
  if (isTemplate(name))
    throw new UsageError(
      "a .socket unit cannot have @ in the middle of its name: rename the relay",
    );
  if (socketName(units, { name }).length > UNIT_NAME_MAX)
    throw new UsageError("the name of its .socket unit is too long: shorten --name");
  checkSandbox(settings);
  const asUnits = (endpoint: SocketEndpoint) => (all.userUnit ? ofAnyUser(endpoint) : endpoint);
  const source = asUnits(fixedSource(relay.source));
  const destination = asUnits(relay.destination);
  const file = filePermissions(relay.shownOptions);
  const owner = settings.owner === undefined ? {} : { owner: settings.owner };
  const group = settings.group === undefined ? {} : { group: settings.group };
  if (all.userUnit) checkUserUnit(source, { ...all, ...owner, ...group });
  checkAddress("SOURCE", source, all);
  checkAddress("DESTINATION", destination, all);
  checkDevice("DESTINATION", destination);
  if (all.noSocket) checkOwnSource(source, { ...all, ...owner }, file);
  else checkListening(source);
  const { allowUsers, allowGroups, connectionsMaxPerClient, proxyProtocol, backlog, connectRetry } =
    settings;
  const judges = [allowUsers, allowGroups, connectionsMaxPerClient, proxyProtocol];
  return {
    ...{ name, source, destination, file },
    freebind: settings.freebind ?? false,
    seesUsers: accessLog || admin !== undefined || judges.some((option) => option !== undefined),
    waits: (connectRetry ?? 0) > 0,
    ...(backlog !== undefined && { backlog }),
  };
}

/**
 * Runs a check for one relay. If the check throws a usage error, puts the relay's name before the
 * error's message.
 */
function naming<Result>({ name }: RelayPlan, check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`relay ${name}: ${error.message}`, { cause: error });
  }
}

/**
 * Refuses relays whose socket files need different groups or different folder modes. All relays
 * share one service, and a service has only one group and one RuntimeDirectoryMode=.
 */
function checkOneOfEach(relays: readonly UnitRelay[], adminGroup: string | undefined): void {
  const files = relays.map(({ file }) => file);
  const groups = [...files.map(({ group }) => group), adminGroup];
  if (distinct(groups) > 1)
    throw new UsageError(
      "--no-socket: a service has one group for all its files: leave out --no-socket, or use one group",
    );
  if (distinct(files.map(({ directoryMode }) => directoryMode)) > 1)
    throw new UsageError(
      "--no-socket: systemd makes all folders of a service with one mode: use one directory-mode",
    );
}

function distinct(texts: readonly (string | undefined)[]): number {
  return new Set(texts.filter((text) => text !== undefined)).size;
}

/**
 * Returns the value of `connections-max` for the whole process. If this value is not set, returns
 * the sum of the relays' own values, or 0 if no relay has a value.
 */
function connectionsOf({ processWide, relays }: ProcessPlan): number {
  const wished = relays.reduce((sum, { settings }) => sum + (settings.connectionsMax ?? 0), 0);
  return processWide.connectionsMax ?? wished;
}

/**
 * Returns the options without `--name`, because `--name` sets the name of the units here. The file
 * names each relay.
 */
function withoutName({ name: _units, ...given }: GivenOptions): GivenOptions {
  return given;
}
