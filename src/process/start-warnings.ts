import { printAddress, type SocketEndpoint, staysLocal } from "../address/address.ts";
import type { Log } from "../observe/log/log.ts";
import { shortIdleTime } from "../systemd/least-exit-idle-time.ts";
import type { PassedSockets } from "./handover/systemd-sockets-across-handovers.ts";

// Warnings for the operator when a process starts. Each warning is logged once.

/**
 * Warns of two signs that the `.socket` units are older than the configuration file. The first
 * sign: systemd passed no socket for a relay although it passed sockets for other relays. Such a
 * relay binds its source itself, inside the service's sandbox, perhaps in an empty network
 * namespace that no client can reach. The second sign: no relay listens on a passed socket, so the
 * clients of this socket are never accepted.
 */
export function warnOfOldUnits(passed: PassedSockets, log: Log): void {
  for (const source of passed.unknown)
    log.warn(
      `systemd passed no socket for ${source}: the relay listens by itself, as far as the service's ` +
        "sandbox lets it; write the units again (units --config=FILE --force)",
      { event: "no_socket" },
    );
  for (const socket of passed.unused)
    log.warn(
      `systemd passed the socket ${socket}, and no relay has it as its source: its clients wait ` +
        "and nobody accepts them; stop and disable its .socket unit",
      { event: "unused_socket" },
    );
}

/**
 * Warns if systemd passed a socket and the idle time is so short that the .socket unit may fail.
 */
export function warnOfShortIdleTime(
  exitIdleTime: number | undefined,
  passed: PassedSockets,
  log: Log,
): void {
  const warning = shortIdleTime(exitIdleTime);
  if (warning !== null && passed.any) log.warn(warning, { event: "short_idle_time" });
}

/**
 * Warns if an address of the relay is not local to this machine: the bytes then cross a network
 * without encryption.
 */
export function warnOfPlainText(
  source: SocketEndpoint,
  destination: SocketEndpoint,
  log: Log,
): void {
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

/** Warns of servers that other machines can reach. */
export function warnOfOpenServers(endpoints: readonly SocketEndpoint[], log: Log): void {
  for (const endpoint of endpoints)
    if (!staysLocal(endpoint, "source"))
      log.warn(`${printAddress(endpoint)} is not loopback: whoever reaches it reads the metrics`, {
        event: "not_loopback",
      });
}
