import type { SocketEndpoint } from "../../address/address.ts";
import { needsNetworkUp } from "./path-rules.ts";
import { addressText, siblingName, specifiersOf } from "./specifiers.ts";
import { comment, section, setting } from "./unit-sections.ts";
import { wholeValue } from "./unit-escaping.ts";
import type { FilePermissions, UnitPlan, UnitRelay } from "./unit-plan.ts";

/** The name by which systemd passes the source of the one relay of a command line. */
export const DESCRIPTOR_NAME = "source";

/**
 * How often clients may start the relay. A service that fails is restarted once a second, and one that
 * leaves when idle stays for a second at least, so only a start that fails for good exceeds it: its
 * clients would start it again at once, for ever.
 */
const TRIGGER_LIMIT = ["TriggerLimitIntervalSec=5s", "TriggerLimitBurst=6"];

/** The name of a relay's .socket unit, without `.socket`; a template's ends in `@`. */
export function socketName(name: string, relay: Pick<UnitRelay, "name">): string {
  return relay.name === undefined ? name : `${name}-${relay.name}`;
}

/** The text of the .socket unit that listens for a relay. */
export function socketUnit(wanted: UnitPlan, relay: UnitRelay): string {
  const { name, service } = wanted;
  const { source, file, backlog, freebind } = relay;
  const kept = specifiersOf(wanted);
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
      // A relay of a file finds its socket by address. The name shows a unit that is out of date.
      `FileDescriptorName=${relay.name ?? DESCRIPTOR_NAME}`,
      ...setting("Service", relay.name === undefined ? undefined : owner),
      "# Fails visibly if each start of the relay fails, instead of trying for ever.",
      ...TRIGGER_LIMIT,
    ]),
    section("Install", [
      ...comment(service && `A start of ${service} starts this socket again if it has failed.`),
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
    // As the relay itself does; systemd would do as net.ipv6.bindv6only says.
    ...(host === "" || host === "::" ? ["BindIPv6Only=both"] : []),
    ...(freebind || needsNetworkUp(source, "source")
      ? ["# The address may come after this socket.", "FreeBind=yes"]
      : []),
  ];
}

function fileLines({ mode, owner, group, directoryMode }: FilePermissions): string[] {
  return [
    ...comment(mode === undefined ? "Without --mode only its owner can connect." : undefined),
    `SocketMode=${mode ?? "0600"}`,
    ...setting("SocketUser", owner),
    ...setting("SocketGroup", group),
    ...setting("DirectoryMode", directoryMode),
    "RemoveOnStop=yes",
  ];
}
