import type { ProcessWide, RelaySettings } from "../process/process-plan.ts";
import type { OptionIn, OptionValues } from "../options/option-table.ts";

// These functions list every option and use no spread (`...values`). TypeScript reports a listed
// name that the result type lacks, but does not report such a name in a spread. So if an access
// rule was renamed only in `OptionValues`, a spread would still compile, but the relay would ignore
// the rule and let everybody in.

/** The values of the options that concern one relay. */
export function relaySettings(values: Pick<OptionValues, OptionIn<"relay">>): RelaySettings {
  return {
    mode: values.mode,
    owner: values.owner,
    group: values.group,
    directoryMode: values.directoryMode,
    freebind: values.freebind,
    backlog: values.backlog,
    connectionsMax: values.connectionsMax,
    connectionsMaxPerClient: values.connectionsMaxPerClient,
    connectTimeout: values.connectTimeout,
    connectRetry: values.connectRetry,
    idleTimeout: values.idleTimeout,
    halfCloseTimeout: values.halfCloseTimeout,
    keepalive: values.keepalive,
    proxyProtocol: values.proxyProtocol,
    sourceNetns: values.sourceNetns,
    destinationNetns: values.destinationNetns,
    capture: values.capture,
    captureBytes: values.captureBytes,
    captureMax: values.captureMax,
    acceptProxy: values.acceptProxy,
    acceptProxyFrom: values.acceptProxyFrom,
    allow: values.allow,
    deny: values.deny,
    allowUsers: values.allowUsers,
    allowGroups: values.allowGroups,
  } satisfies Record<OptionIn<"relay">, unknown>;
}

/** The values of the options that concern the whole process. */
export function processWide(values: Pick<OptionValues, OptionIn<"process">>): ProcessWide {
  return {
    workers: values.workers,
    connectionsMax: values.connectionsMax,
    memoryMax: values.memoryMax,
    logLevel: values.logLevel,
    logFormat: values.logFormat,
    accessLog: values.accessLog,
    admin: values.admin,
    adminMode: values.adminMode,
    adminGroup: values.adminGroup,
    metrics: values.metrics,
    requirePrivateNetwork: values.requirePrivateNetwork,
    drainTimeout: values.drainTimeout,
    exitIdleTime: values.exitIdleTime,
  } satisfies Record<OptionIn<"process">, unknown>;
}
