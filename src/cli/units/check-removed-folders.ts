import type { SocketEndpoint } from "../../address/address.ts";
import { folderOf, isIn, runtimeDirectory } from "../../systemd/units/directives-for-paths.ts";
import { isTemplate } from "../../systemd/units/specifiers.ts";
import type { UnitPlan } from "../../systemd/units/unit-plan.ts";
import { UsageError } from "../line/usage-error.ts";
import { pathForServer } from "./path-for-server.ts";

type Plan = Pick<UnitPlan, "name" | "relays" | "config" | "admin" | "metrics" | "socket">;

interface Socket {
  readonly word: string;
  readonly path: string;
  /** What to do if the socket's folder must be another one. */
  readonly fix: string;
}

/**
 * Refuses a socket that the relay makes, if systemd makes the folder of this socket
 * (RuntimeDirectory=) and something is in this folder that the relay does not make: SOURCE,
 * DESTINATION or the configuration file. systemd gives the folder to the relay's user at the start.
 * When the relay stops, systemd removes the folder with all that is in it.
 *
 * @throws {UsageError}
 */
export function checkRemovedFolders(plan: Plan): void {
  const own = ownSockets(plan);
  const ownPaths = new Set(own.map(({ path }) => path));
  const others = othersFiles(plan).filter(({ path }) => !ownPaths.has(path));
  for (const { word, path, fix } of own)
    for (const other of others)
      if (isRemovedWith(other.path, path))
        throw new UsageError(
          `${word}: systemd removes its folder when the relay stops, but ${other.word} is in it; ${fix}`,
        );
  if (isTemplate(plan.name)) own.forEach(checkFolderOfInstance);
}

/** Refuses a socket of a template if the instances share the folder that systemd makes for it. */
function checkFolderOfInstance({ word, path }: Socket): void {
  const removed = runtimeDirectory(path);
  if (removed === undefined || /%i/i.test(removed)) return;
  throw new UsageError(
    `${word}: all instances share its folder, which systemd removes when one of them stops; ` +
      "put %i into the folder's name",
  );
}

/** The Unix sockets that the relay makes. */
function ownSockets({ name, relays, admin, metrics, socket }: Plan): Socket[] {
  const servers = (["admin", "metrics"] as const).flatMap((server) => {
    const path = pathOf({ admin, metrics }[server]);
    if (path === undefined) return [];
    const run = path.startsWith("%t/") ? "%t" : "/run";
    const fix = `write --${server}=${pathForServer(server, name, run)}`;
    return [{ word: `--${server}`, path, fix }];
  });
  if (socket) return servers;
  const sources = relays.flatMap((relay) => {
    const path = pathOf(relay.source);
    const fix = "use another folder, or leave out --no-socket";
    return path === undefined ? [] : [{ word: wordOf("SOURCE", relay.name), path, fix }];
  });
  return [...servers, ...sources];
}

/** The files that others make and the relay needs, or that clients need. */
function othersFiles({ relays, config, socket }: Plan): Pick<Socket, "word" | "path">[] {
  const files = relays.flatMap(({ name, source, destination }) => [
    ...(socket ? [{ word: wordOf("SOURCE", name), path: pathOf(source) }] : []),
    { word: wordOf("DESTINATION", name), path: pathOf(destination) },
  ]);
  return [...files, { word: "the file of --config", path: config }].flatMap(({ word, path }) =>
    path === undefined ? [] : [{ word, path }],
  );
}

function wordOf(word: string, relay: string | undefined): string {
  return relay === undefined ? word : `${word} of relay ${relay}`;
}

function pathOf(endpoint: SocketEndpoint | undefined): string | undefined {
  return endpoint?.kind === "unix" ? endpoint.path : undefined;
}

/** Whether systemd removes `file` with the folder that it makes for the socket at `path`. */
function isRemovedWith(file: string, path: string): boolean {
  const [removed, folder] = [runtimeDirectory(path), runtimeDirectory(file)];
  if (removed === undefined || folder === undefined) return false;
  // %t is the runtime folder of a user, and /run is the system's.
  return isOfUser(path) === isOfUser(file) && isIn(folder, removed);
}

function isOfUser(path: string): boolean {
  return isIn(folderOf(path), "%t");
}
