import { printAddress } from "../../address/address.ts";
import type { ProcessPlan, ProcessWide, RelaySettings } from "../../process/process-plan.ts";
import type { Addresses } from "../line/read-addresses.ts";
import type { OptionIn, OptionValues } from "../../options/option-table.ts";

/** The plan of a process that runs the one relay of a command line. */
export function planOneRelay(
  { source, destination }: Addresses,
  values: OptionValues,
  shownOptions: Readonly<Record<string, string>>,
): ProcessPlan {
  const name = printAddress(source);
  const settings = relaySettings(values);
  return {
    processWide: processWide(values),
    relays: [{ name, source, destination, settings, shownOptions }],
  };
}

// Option by option and without a spread: TypeScript does not check a spread for names too many, so
// a renamed access rule would compile and let everybody in.

/** What of a command line's values concerns one relay. */
function relaySettings(values: OptionValues): RelaySettings {
  return {
    mode: values.mode,
    owner: values.owner,
    group: values.group,
    directoryMode: values.directoryMode,
    freebind: values.freebind,
    backlog: values.backlog,
    connectionsMax: values.connectionsMax,
    connectTimeout: values.connectTimeout,
    connectRetry: values.connectRetry,
    idleTimeout: values.idleTimeout,
    halfCloseTimeout: values.halfCloseTimeout,
    keepalive: values.keepalive,
    proxyProtocol: values.proxyProtocol,
    allow: values.allow,
    deny: values.deny,
    allowUsers: values.allowUsers,
    allowGroups: values.allowGroups,
  } satisfies Record<OptionIn<"relay">, unknown>;
}

/** What of a command line's values concerns the whole process. */
function processWide(values: OptionValues): ProcessWide {
  return {
    workers: values.workers,
    logLevel: values.logLevel,
    logFormat: values.logFormat,
    accessLog: values.accessLog,
    admin: values.admin,
    adminMode: values.adminMode,
    adminGroup: values.adminGroup,
    requirePrivateNetwork: values.requirePrivateNetwork,
    drainTimeout: values.drainTimeout,
    exitIdleTime: values.exitIdleTime,
  } satisfies Record<OptionIn<"process">, unknown>;
}
