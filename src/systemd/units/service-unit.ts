import { descriptorsNeeded, descriptorsOfRelays } from "../../relay/listen/descriptor-budget.ts";
import { STOP_MARGIN } from "../stop-margin.ts";
import {
  folderOf,
  isPrivileged,
  needsNetworkUp,
  runtimeDirectory,
} from "./directives-for-paths.ts";
import { makesFiles, sandboxNeedsOf, sharesTmp } from "./sandbox-needs-of-relay.ts";
import { sandbox, STATIC_USER, withoutPrivileges } from "./sandbox.ts";
import { DESCRIPTOR_NAME, socketName } from "./socket-unit.ts";
import { addressText, siblingName, specifiersOf } from "./specifiers.ts";
import { comment, listing, section, setting } from "./print-sections.ts";
import { directoryWord, execProgram, execWord, wholeValue } from "./unit-escaping.ts";
import type { FilePermissions, UnitPlan, UnitRelay } from "./unit-plan.ts";

// The least limit of open files (LimitNOFILE=) in a unit. It is systemd's default hard limit. A
// large `connectionsMax` needs more.
const FILES = 524_288;

/**
 * The exit statuses for wrong usage and wrong configuration (sysexits(3)). systemd does not restart
 * the relay after these statuses, because the relay would fail again.
 */
const PERMANENT_FAILURES = [64, 78];

/**
 * Variables that make Bun run other code than the relay's, open a debugger or disable the JIT
 * compiler.
 */
const BUN_VARIABLES = [
  "BUN_BE_BUN",
  "BUN_INSPECT",
  "BUN_INSPECT_CONNECT_TO",
  "BUN_INSPECT_NOTIFY",
  "BUN_INSPECT_PRELOAD",
  "BUN_JSC_useJIT",
  "BUN_OPTIONS",
  "NODE_CHANNEL_FD",
  "NODE_OPTIONS",
];

/** The text of the .service unit of relays. */
export function serviceUnit(plan: UnitPlan): string {
  return [
    section("Unit", unitLines(plan)),
    section("Service", [...processLines(plan), ...folderLines(plan), "", ...lockLines(plan)]),
    ...(plan.socket ? [] : [section("Install", installLines(plan))]),
  ].join("\n");
}

function unitLines(plan: UnitPlan): string[] {
  const { name, relays, service, socket, manager, unlistedRelays } = plan;
  const isFar =
    service === undefined &&
    manager === "system" &&
    (unlistedRelays?.local === false ||
      relays.some(
        ({ source, destination }) =>
          (!socket && needsNetworkUp(source, "source")) ||
          needsNetworkUp(destination, "destination"),
      ));
  const network = isFar ? ["network-online.target"] : [];
  const ownSockets = socket
    ? relays.map((relay) => siblingName(socketName(name, relay), ".socket"))
    : [];
  return [
    // The description must not end in an address, because a backslash at the end of the line would
    // join the next line to this line.
    `Description=${wholeValue(`${purposeOf(plan)} (simpletcpunixrelay)`, specifiersOf(plan))}`,
    ...(service === undefined ? [] : namespaceLines(service)),
    ...listing("Requires", ownSockets),
    ...listing("Wants", network),
    ...listing("After", [...(service === undefined ? [] : [service]), ...ownSockets, ...network]),
    "# No limit on restarts: systemd starts the relay again after every failure.",
    "StartLimitIntervalSec=0",
  ];
}

function purposeOf({ relays, config }: UnitPlan): string {
  if (config !== undefined) return `Relays of ${config}`;
  const pairs = relays.map(
    ({ source, destination }) => `${addressText(source)} to ${addressText(destination)}`,
  );
  return `Relay from ${pairs.join(", ")}`;
}

function namespaceLines(service: string): string[] {
  return [
    `# ${service} needs PrivateNetwork=yes; its drop-in 50-private-network.conf sets that.`,
    "# After= is necessary: without it each of the two may get its own network namespace.",
    `JoinsNamespaceOf=${service}`,
    `BindsTo=${service}`,
  ];
}

function processLines(plan: UnitPlan): string[] {
  const {
    program,
    relays,
    drainTimeout,
    connectionsMax = 0,
    workers = 1,
    serverDescriptors,
  } = plan;
  const files =
    descriptorsNeeded(connectionsMax, workers) +
    descriptorsOfRelays(relays.length, workers) +
    serverDescriptors;
  const words = commandLine(plan).map((word) => execWord(word, specifiersOf(plan)));
  return [
    "Type=notify",
    ...comment(betterWay(plan)),
    `ExecStart=${[execProgram(program), ...words].join(" ")}`,
    ...checkLines(plan),
    "# Hands over to the executable that is installed now, also after an upgrade. No client notices.",
    'ExecReload=/bin/sh -c "kill -HUP $MAINPID"',
    "# These variables could make Bun run other code with the rights of the relay.",
    ...listing("UnsetEnvironment", BUN_VARIABLES),
    "Restart=on-failure",
    "RestartSec=1s",
    "# Wrong usage (64) and wrong configuration (78) fail again at every restart.",
    ...listing("RestartPreventExitStatus", PERMANENT_FAILURES.map(String)),
    `TimeoutStopSec=${(drainTimeout + STOP_MARGIN) / 1_000}s`,
    "WatchdogSec=30s",
    `LimitNOFILE=${Math.max(FILES, files)}`,
  ];
}

/**
 * The line that checks the configuration file before a reload; empty without a file. If the file
 * has a mistake, `systemctl reload` fails, and the relays get no signal. A failure after the signal
 * is only logged, because a process cannot report to systemd that its reload has failed.
 */
function checkLines(plan: UnitPlan): string[] {
  const { program, config } = plan;
  if (config === undefined) return [];
  return [
    "# A mistake in the file fails the reload, and the relays go on.",
    `ExecReload=${execProgram(program)} check ${execWord(config, specifiersOf(plan))}`,
  ];
}

function betterWay({ relays, config, socket, service }: UnitPlan): string | undefined {
  const [relay] = relays;
  if (config !== undefined && relays.some(({ waits }) => !waits))
    return 'With connect-retry = "20s" in [defaults] clients wait for a service that is just starting.';
  if (socket || relay === undefined || config !== undefined) return undefined;
  const { source, destination } = relay;
  if (source.kind === "unix") return undefined;
  if (service !== undefined)
    return `SOURCE is in the network namespace of ${service}; without --no-socket it is outside.`;
  if (isPrivileged(source))
    return "Without --no-socket systemd opens the port, and the relay needs no capability.";
  return destination.kind === "unix"
    ? "Without --no-socket systemd opens SOURCE, and the relay needs no network."
    : undefined;
}

function commandLine({ relays, config, options, socket }: UnitPlan): string[] {
  if (config !== undefined) return [...options, `--config=${config}`];
  return relays.flatMap(({ source, destination, file }) => {
    const from = socket ? `systemd:${DESCRIPTOR_NAME}` : addressText(source);
    return [...(socket ? [] : fileOptions(file)), ...options, from, addressText(destination)];
  });
}

function fileOptions({ mode, owner, group }: FilePermissions): string[] {
  return [...setting("--mode", mode), ...setting("--owner", owner), ...setting("--group", group)];
}

function folderLines(plan: UnitPlan): string[] {
  const paths = makesFiles(plan);
  if (paths.length === 0) return [];
  const runtime = unique(paths.flatMap((path) => runtimeDirectory(path) ?? []));
  const others = unique(paths.filter((path) => runtimeDirectory(path) === undefined).map(folderOf));
  const own = plan.socket ? [] : plan.relays;
  const isOpen = own.every(({ source, file }) => source.kind !== "unix" || file.mode !== undefined);
  // The mode of a source's folder concerns only folders that the service makes: systemd makes the
  // folder of a .socket unit by DirectoryMode= of that unit.
  const directoryMode = own.find(({ file }) => file.directoryMode !== undefined);
  const user = plan.manager === "system" ? "the user below" : "this user";
  return [
    "",
    ...(isOpen ? [] : comment(`Without --mode only ${user} can connect.`)),
    ...others.flatMap((folder) => comment(`${user} must be able to write in ${folder}`)),
    ...(runtime.length === 0
      ? []
      : [
          "# systemd makes this folder at the start and removes it at the stop. It is for this relay only.",
          ...listing(
            "RuntimeDirectory",
            runtime.map((folder) => directoryWord(folder, specifiersOf(plan))),
          ),
          `RuntimeDirectoryMode=${directoryMode?.file.directoryMode ?? "0755"}`,
        ]),
  ];
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/**
 * Lines that only a user's manager needs, because the system's manager has these settings by
 * default.
 */
const USERS_OWN = ["KeyringMode=private"];

/** The lines that set the relay's user, groups and sandbox. */
function lockLines(plan: UnitPlan): string[] {
  const needs = sandboxNeedsOf(plan);
  const lines = sandbox(needs, specifiersOf(plan));
  if (plan.manager === "system") return [...userLines(plan), "", ...lines];
  return withoutPrivileges([...STATIC_USER, ...USERS_OWN, ...lines], needs);
}

function userLines(plan: UnitPlan): string[] {
  const { relays, service, user, supplementaryGroups } = plan;
  return [
    ...(relays.some(({ destination }) => destination.kind === "unix") &&
    supplementaryGroups.length === 0
      ? comment("If only a group may open DESTINATION, add --supplementary-groups=GROUP.")
      : []),
    ...(user === undefined ? ["DynamicUser=yes"] : [`User=${user}`, ...STATIC_USER]),
    ...setting("Group", groupOf(plan)),
    ...listing("SupplementaryGroups", supplementaryGroups),
    ...(relays.some(({ destination }) => sharesTmp(destination, service))
      ? comment(`If ${service} has PrivateTmp=yes, the relay shares its /tmp.`)
      : []),
  ];
}

/**
 * The relay's main group: the group that options set for the socket files that the relay makes;
 * undefined if no option sets a group. The relay can give a file only to a group that it is in
 * (chown(2)), and PrivateUsers= leaves the relay only its main group.
 */
function groupOf({ relays, socket, adminGroup }: UnitPlan): string | undefined {
  return (socket ? undefined : groupOfFiles(relays)) ?? adminGroup;
}

/**
 * The group of the socket files that the relays make; undefined if no relay sets a group. All
 * relays that set a group set the same group.
 */
function groupOfFiles(relays: readonly UnitRelay[]): string | undefined {
  return relays.find(({ source, file }) => source.kind === "unix" && file.group !== undefined)?.file
    .group;
}

function installLines({ service, manager }: UnitPlan): string[] {
  if (service === undefined)
    return [`WantedBy=${manager === "system" ? "multi-user" : "default"}.target`];
  return [
    "# BindsTo= stops the relay whenever the service stops. WantedBy= starts the relay again with it.",
    `WantedBy=${service}`,
  ];
}
