import { printAddress, type SocketEndpoint, staysLocal } from "../../address/address.ts";
import { filesNeeded } from "../../relay/listen/descriptor-budget.ts";
import { STOP_MARGIN } from "../stop-margin.ts";
import { folderOf, hiderOf, isPrivileged, needsNetworkUp, runtimeDirectory } from "./path-rules.ts";
import { type Needs, sandbox, STATIC_USER } from "./sandbox.ts";
import { DESCRIPTOR_NAME } from "./socket-unit.ts";
import { comment, listing, section, setting } from "./unit-sections.ts";
import { directoryWord, execProgram, execWord, wholeValue } from "./unit-escaping.ts";
import type { FilePermissions, UnitPlan } from "./unit-plan.ts";

// systemd's own limit for services, which a great `connectionsMax` exceeds.
const FILES = 524_288;

/** The text of a relay's .service unit. */
export function serviceUnit(wanted: UnitPlan): string {
  return [
    section("Unit", unitLines(wanted)),
    section("Service", [
      ...processLines(wanted),
      ...folderLines(wanted),
      "",
      ...userLines(wanted),
      "",
      ...sandbox(needsOf(wanted)),
    ]),
    ...(wanted.socket ? [] : [section("Install", installLines(wanted))]),
  ].join("\n");
}

function unitLines({ name, source, destination, service, socket }: UnitPlan): string[] {
  const isFar =
    service === undefined &&
    ((!socket && needsNetworkUp(source, "source")) || needsNetworkUp(destination, "destination"));
  const network = isFar ? ["network-online.target"] : [];
  const ownSocket = socket ? [`${name}.socket`] : [];
  const words = `${printAddress(source)} to ${printAddress(destination)}`;
  return [
    // Its last word is not an address, which may end in what joins a line to the next.
    `Description=${wholeValue(`Relay from ${words} (simpletcpunixrelay)`)}`,
    ...(service === undefined ? [] : namespaceLines(service)),
    ...listing("Requires", ownSocket),
    ...listing("Wants", network),
    ...listing("After", [...(service === undefined ? [] : [service]), ...ownSocket, ...network]),
    "# It is started again however often it fails.",
    "StartLimitIntervalSec=0",
  ];
}

function namespaceLines(service: string): string[] {
  return [
    `# ${service} itself needs PrivateNetwork=yes: systemctl edit ${service}`,
    "# Without After= the two may get a network namespace each.",
    `JoinsNamespaceOf=${service}`,
    `BindsTo=${service}`,
  ];
}

function processLines(wanted: UnitPlan): string[] {
  const { program, drainTimeout, connectionsMax = 0, workers = 1 } = wanted;
  return [
    "Type=notify",
    ...comment(betterWay(wanted)),
    `ExecStart=${[execProgram(program), ...commandLine(wanted).map(execWord)].join(" ")}`,
    "Restart=on-failure",
    "RestartSec=1s",
    `TimeoutStopSec=${(drainTimeout + STOP_MARGIN) / 1_000}s`,
    "WatchdogSec=30s",
    `LimitNOFILE=${Math.max(FILES, filesNeeded(connectionsMax, workers))}`,
  ];
}

function betterWay({ source, destination, socket, service }: UnitPlan): string | undefined {
  if (socket || source.kind === "unix") return undefined;
  if (service !== undefined)
    return `SOURCE is inside the namespace of ${service}; with --socket it is outside.`;
  if (isPrivileged(source))
    return "With --socket systemd opens the port, and the relay needs no capability.";
  return destination.kind === "unix"
    ? "With --socket systemd opens SOURCE, and the relay needs no network."
    : undefined;
}

function commandLine({ source, destination, options, file, socket }: UnitPlan): string[] {
  const from = socket ? `systemd:${DESCRIPTOR_NAME}` : printAddress(source);
  return [...(socket ? [] : fileOptions(file)), ...options, from, printAddress(destination)];
}

function fileOptions({ mode, owner, group }: FilePermissions): string[] {
  return [...setting("--mode", mode), ...setting("--owner", owner), ...setting("--group", group)];
}

/** The endpoints that the relay itself listens on. */
function bound({ source, admin, socket }: UnitPlan): SocketEndpoint[] {
  return [...(socket ? [] : [source]), ...(admin === undefined ? [] : [admin])];
}

/** The paths of those that are files. */
function made(wanted: UnitPlan): string[] {
  return bound(wanted).flatMap((endpoint) => (endpoint.kind === "unix" ? [endpoint.path] : []));
}

function folderLines(wanted: UnitPlan): string[] {
  const paths = made(wanted);
  if (paths.length === 0) return [];
  const runtime = paths.flatMap((path) => runtimeDirectory(path) ?? []);
  const others = paths.filter((path) => runtimeDirectory(path) === undefined).map(folderOf);
  const isOpen = wanted.socket || wanted.source.kind !== "unix" || wanted.file.mode !== undefined;
  return [
    "",
    ...(isOpen ? [] : comment("Without --mode only the user below can connect.")),
    ...others.flatMap((folder) => comment(`The user below must be able to write in ${folder}`)),
    ...(runtime.length === 0
      ? []
      : [
          "# Made at the start and removed at the stop: for this relay alone.",
          ...listing("RuntimeDirectory", runtime.map(directoryWord)),
          `RuntimeDirectoryMode=${wanted.file.directoryMode ?? "0755"}`,
        ]),
  ];
}

function userLines({ source, destination, socket, service, user, file }: UnitPlan): string[] {
  return [
    ...(destination.kind === "unix"
      ? comment("Where only a group may connect to DESTINATION: SupplementaryGroups=GROUP")
      : []),
    ...(user === undefined ? ["DynamicUser=yes"] : [`User=${user}`, ...STATIC_USER]),
    // Whoever gives a file to a group must be in it (chown(2)), and PrivateUsers= leaves one.
    ...(socket || source.kind !== "unix" ? [] : setting("Group", file.group)),
    ...(sharesTmp(destination, service)
      ? comment(`With PrivateTmp=yes in ${service} both have the same /tmp.`)
      : []),
  ];
}

function needsOf(wanted: UnitPlan): Needs {
  const { program, source, destination, socket, service, file } = wanted;
  const own = [...bound(wanted), destination];
  return {
    tcp: own.some(({ kind }) => kind === "tcp"),
    // Abstract sockets, too, are those of a network namespace (network_namespaces(7)).
    network: service === undefined && own.some(({ kind }) => kind !== "unix"),
    local: (socket || staysLocal(source, "source")) && staysLocal(destination, "destination"),
    privilegedPort: bound(wanted).some(isPrivileged),
    users: wanted.seesUsers && source.kind !== "tcp",
    chown: !socket && (file.owner !== undefined || file.group !== undefined),
    writes: made(wanted)
      .filter((path) => runtimeDirectory(path) === undefined)
      .map(folderOf),
    reads: [
      program,
      ...(destination.kind === "unix" && !sharesTmp(destination, service)
        ? [folderOf(destination.path)]
        : []),
    ],
  };
}

/** Whether DESTINATION is in a /tmp that the relay shares with the service that it joins. */
function sharesTmp(destination: SocketEndpoint, service: string | undefined): boolean {
  return (
    service !== undefined && destination.kind === "unix" && hiderOf(destination.path) === "tmp"
  );
}

function installLines({ service }: UnitPlan): string[] {
  if (service === undefined) return ["WantedBy=multi-user.target"];
  return [
    "# BindsTo= ends the relay with that service, however it ends; this starts it again.",
    `WantedBy=${service}`,
  ];
}
