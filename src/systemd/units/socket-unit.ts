import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import { needsNetworkUp } from "./path-rules.ts";
import { comment, section, setting } from "./unit-sections.ts";
import { wholeValue } from "./unit-escaping.ts";
import type { FilePermissions, UnitPlan } from "./unit-plan.ts";

/** The name by which systemd passes the source to the relay. */
export const DESCRIPTOR_NAME = "source";

/** The text of the .socket unit that listens for a relay. */
export function socketUnit({ name, source, service, file, backlog }: UnitPlan): string {
  return [
    section("Unit", [
      `Description=${wholeValue(`${printAddress(source)}, the source of ${name}.service`)}`,
    ]),
    section("Socket", [
      ...listening(source),
      ...(source.kind === "unix" ? fileLines(file) : []),
      ...setting("Backlog", backlog),
      `FileDescriptorName=${DESCRIPTOR_NAME}`,
    ]),
    section("Install", [
      ...comment(service && `A start of ${service} mends it where clients came in vain.`),
      ["WantedBy=sockets.target", ...(service === undefined ? [] : [service])].join(" "),
    ]),
  ].join("\n");
}

function listening(source: SocketEndpoint): string[] {
  if (source.kind === "unix") return [`ListenStream=${wholeValue(source.path)}`];
  if (source.kind === "abstract") return [`ListenStream=@${wholeValue(source.name)}`];
  const { host, port } = source;
  return [
    `ListenStream=${host === "" ? port : wholeValue(printAddress(source))}`,
    // As the relay itself does; systemd would do as net.ipv6.bindv6only says.
    ...(host === "" || host === "::" ? ["BindIPv6Only=both"] : []),
    ...(needsNetworkUp(source, "source")
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
