import type { SocketEndpoint } from "../../address/address.ts";
import { needsNetworkUp } from "./directives-for-paths.ts";
import { addressText, siblingName, specifiersOf } from "./specifiers.ts";
import { comment, section, setting } from "./print-sections.ts";
import { wholeValue } from "./unit-escaping.ts";
import type { FilePermissions, UnitPlan, UnitRelay } from "./unit-plan.ts";

/**
 * The name (`FileDescriptorName=`) of the listening socket that systemd passes to a relay for which
 * `UnitRelay.name` is absent.
 */
export const DESCRIPTOR_NAME = "source";

/**
 * The limit on how often waiting clients can make systemd start the relay. Only a relay that fails
 * because of wrong usage or wrong configuration exceeds the limit: systemd does not restart such a
 * relay, so without a limit the waiting clients would start the relay again and again without a
 * pause.
 *
 * The starts of other relays are at least a second apart, because systemd waits a second before it
 * restarts a failed relay, and `units` refuses an --exit-idle-time below a second.
 */
const TRIGGER_LIMIT = ["TriggerLimitIntervalSec=5s", "TriggerLimitBurst=6"];

/** The name of a relay's .socket unit, without `.socket`; the name of a template ends in `@`. */
export function socketName(name: string, relay: Pick<UnitRelay, "name">): string {
  return relay.name === undefined ? name : `${name}-${relay.name}`;
}

/** The text of the .socket unit that listens for a relay. */
export function socketUnit(plan: UnitPlan, relay: UnitRelay): string {
  const { name, service } = plan;
  const { source, file, backlog, freebind } = relay;
  const kept = specifiersOf(plan);
  const owner = siblingName(name, ".service");
  const whose = relay.name === undefined ? owner : `relay ${relay.name} of ${owner}`;
  return [
    section("Unit", [
      `Description=${wholeValue(`${addressText(source)}, the source of ${whose}`, kept)}`,
    ]),
    section("Socket", [
      ...listening(source, kept, freebind),
      ...(source.kind === "unix" ? fileLines(file) : []),
      ...setting("Backlog", backlog),
      // A relay of a configuration file finds its socket by the address, not by this name. If a
      // socket has the relay's name but no socket has the relay's address, the relay knows that the
      // unit is older than the configuration file.
      `FileDescriptorName=${relay.name ?? DESCRIPTOR_NAME}`,
      ...setting("Service", relay.name === undefined ? undefined : owner),
      "# If every start of the relay fails, this socket fails too, instead of retrying for ever.",
      ...TRIGGER_LIMIT,
    ]),
    section("Install", [
      ...comment(service && `Starting ${service} also starts this socket again after a failure.`),
      ["WantedBy=sockets.target", ...(service === undefined ? [] : [service])].join(" "),
    ]),
  ].join("\n");
}

function listening(source: SocketEndpoint, kept: string, freebind: boolean): string[] {
  if (source.kind === "unix") return [`ListenStream=${wholeValue(source.path, kept)}`];
  if (source.kind === "abstract") return [`ListenStream=@${wholeValue(source.name, kept)}`];
  const { host } = source;
  const address = addressText(source);
  return [
    `ListenStream=${wholeValue(host === "" ? address.slice(1) : address, kept)}`,
    // Listen on both families, as the relay itself does. Without this line the sysctl
    // net.ipv6.bindv6only would decide.
    ...(host === "" || host === "::" ? ["BindIPv6Only=both"] : []),
    ...(freebind || needsNetworkUp(source, "source")
      ? ["# The address may appear after this socket starts.", "FreeBind=yes"]
      : []),
  ];
}

function fileLines({ mode, owner, group, directoryMode }: FilePermissions): string[] {
  return [
    ...comment(
      mode === undefined ? "Without --mode only the owner of the socket can connect." : undefined,
    ),
    `SocketMode=${mode ?? "0600"}`,
    ...setting("SocketUser", owner),
    ...setting("SocketGroup", group),
    ...setting("DirectoryMode", directoryMode),
    "RemoveOnStop=yes",
  ];
}
