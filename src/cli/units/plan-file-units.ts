import { resolve } from "node:path";
import type { SocketEndpoint } from "../../address/address.ts";
import { loadConfig } from "../../config/load-config.ts";
import type { OptionValues } from "../../options/option-table.ts";
import type { ProcessPlan, ProcessWide, RelayPlan } from "../../process/process-plan.ts";
import { folderOf, hiderOf } from "../../systemd/units/path-rules.ts";
import { socketName } from "../../systemd/units/socket-unit.ts";
import { isTemplate } from "../../systemd/units/specifiers.ts";
import { hasControls } from "../../systemd/units/unit-escaping.ts";
import { defaultFileName, UNIT_NAME_MAX } from "../../systemd/units/unit-name.ts";
import type { UnitPlan, UnitRelay } from "../../systemd/units/unit-plan.ts";
import { workerCount } from "../../workers/worker-count.ts";
import { fileOverrides } from "../line/file-overrides.ts";
import type { GivenOptions } from "../line/read-command-line.ts";
import { UsageError } from "../line/usage-error.ts";
import { checkUserUnit } from "./check-user-unit.ts";
import {
  accountOption,
  checkAddress,
  checkListening,
  checkName,
  checkOptions,
  checkOwnSource,
  checkServers,
  exitIdleTime,
  filePermissions,
  fixedSource,
  processPlan,
  relayOptions,
} from "./plan-units.ts";
import { anyUsersPath, ofAnyUser, ofAnyUsersValues } from "./read-unit-addresses.ts";

/**
 * What `units --config=FILE` wants: one service that runs the relays of the file, and a socket for
 * each. The file stays as it is: a relay takes the socket that listens on its source, so the same file
 * runs without systemd. What the file says of the whole process goes for the units, too, and is not
 * repeated on the command line: a reload follows the file.
 *
 * @throws {UsageError} where no unit could do that, or none without harm
 * @throws {ConfigError} if the file is wrong
 */
export function planFileUnits(
  written: string,
  values: OptionValues,
  given: GivenOptions,
  program: string,
): UnitPlan {
  const plan = loadConfig(written, fileOverrides(given));
  const config = configPath(written, values);
  const all = ofAnyUsersValues(withFile(values, plan.processWide));
  const name = values.name ?? defaultFileName(config);
  if (isTemplate(name))
    throw new UsageError("--name: the relays of a file have no %i, so that no template fits them");
  const adminGroup = adminGroupOf(plan, given);
  const relays = plan.relays.map((relay) =>
    naming(relay, () => unitRelay(relay, name, all, plan.processWide)),
  );
  checkServers(all);
  checkOptions(all, {});
  if (all.noSocket) checkOneOfEach(relays, adminGroup);
  checkName(name, all);
  const connectionsMax = connectionsOf(plan.relays);
  return {
    ...processPlan(all, adminGroup),
    ...{ name, program, relays, config },
    options: relayOptions(
      withoutName(given),
      {
        ...(values.service !== undefined && { requirePrivateNetwork: true }),
        ...exitIdleTime(given),
      },
      !values.noSocket,
    ),
    drainTimeout: all.drainTimeout,
    ...(connectionsMax > 0 && { connectionsMax }),
    workers: workerCount(all.workers),
  };
}

function configPath(written: string, { userUnit }: OptionValues): string {
  const path = resolve(written);
  if (hasControls(path))
    throw new UsageError("--config: FILE has a control character; no unit carries it");
  if (hiderOf(path) === "tmp")
    throw new UsageError(
      "--config: the relay has a /tmp of its own, where FILE is not; put it into a folder of /etc",
    );
  if (["/home", "/root"].includes(folderOf(path)))
    throw new UsageError(
      `--config: the relay would see all of ${folderOf(path)}; put FILE into a folder of /etc`,
    );
  return userUnit ? anyUsersPath(path) : path;
}

/** The options of the units, with what the file says of the whole process. */
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

/** The group as it was written, for the machine that runs the units. */
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
  if (isTemplate(name)) throw new UsageError("no unit's name has an @ there; rename it");
  if (socketName(units, { name }).length > UNIT_NAME_MAX)
    throw new UsageError("the name of its .socket unit would be too long; shorten --name");
  const asUnits = (endpoint: SocketEndpoint) => (all.userUnit ? ofAnyUser(endpoint) : endpoint);
  const source = asUnits(fixedSource(relay.source));
  const destination = asUnits(relay.destination);
  const file = filePermissions(relay.shownOptions);
  const owner = settings.owner === undefined ? {} : { owner: settings.owner };
  const group = settings.group === undefined ? {} : { group: settings.group };
  if (all.userUnit) checkUserUnit(source, { ...all, ...owner, ...group });
  checkAddress("SOURCE", source, all);
  checkAddress("DESTINATION", destination, all);
  if (all.noSocket) checkOwnSource(source, { ...all, ...owner }, file);
  else checkListening(source, all.admin);
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

/** Runs a check of one relay, whose name a complaint then has. */
function naming<Result>({ name }: RelayPlan, check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`relay ${name}: ${error.message}`, { cause: error });
  }
}

/** A service has one group and one mode of its folders in /run, for all files that it makes. */
function checkOneOfEach(relays: readonly UnitRelay[], adminGroup: string | undefined): void {
  const files = relays.map(({ file }) => file);
  const groups = [...files.map(({ group }) => group), adminGroup];
  if (distinct(groups) > 1)
    throw new UsageError(
      "--no-socket: a service gives its files to one group; leave out --no-socket, or write one group",
    );
  if (distinct(files.map(({ directoryMode }) => directoryMode)) > 1)
    throw new UsageError(
      "--no-socket: systemd makes all folders of a service with one directory-mode; write one",
    );
}

function distinct(texts: readonly (string | undefined)[]): number {
  return new Set(texts.filter((text) => text !== undefined)).size;
}

/** What the relays ask for together. */
function connectionsOf(relays: readonly RelayPlan[]): number {
  return relays.reduce((sum, { settings }) => sum + (settings.connectionsMax ?? 0), 0);
}

/** The units' name is no relay's. */
function withoutName({ name: _units, ...given }: GivenOptions): GivenOptions {
  return given;
}
