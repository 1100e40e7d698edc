import { isOpenDescriptor } from "../os/is-open-descriptor.ts";
import { RelayError } from "../relay/error.ts";

/** The first descriptor that systemd passes (sd_listen_fds(3), SD_LISTEN_FDS_START). */
const FIRST_FD = 3;

const VARIABLES = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] as const;

/** A listening socket that systemd passed. */
export interface PassedSocket {
  readonly fd: number;
  /** The socket's `FileDescriptorName=`; `unknown` if systemd gave no name. */
  readonly name: string;
}

/** The sockets that systemd passed to this process. */
export interface Activation {
  readonly sockets: readonly PassedSocket[];
  /**
   * The reason why there are no sockets, for an error message; `""` exactly if there are sockets.
   */
  readonly missing: string;
}

/** The result of `takePassedSockets` for a process that got no socket from systemd. */
export const NO_ACTIVATION: Activation = {
  sockets: [],
  missing: "systemd passed no socket; start this service by its .socket unit",
};

/**
 * Takes the sockets that systemd passed to this process (sd_listen_fds(3)). LISTEN_PID must be the
 * id of this process, LISTEN_FDS is the number of sockets, LISTEN_FDNAMES has the names of the
 * sockets. The variables are removed from `env`, because they would be wrong in a child process.
 *
 * @param pid - the id of this process
 * @param isOpen - returns whether a descriptor is open
 */
export function takePassedSockets(
  env: NodeJS.ProcessEnv,
  pid: number,
  isOpen = isOpenDescriptor,
): Activation {
  const [forPid, count, names] = VARIABLES.map((variable) => env[variable]);
  for (const variable of VARIABLES) delete env[variable];
  if (forPid === undefined && count === undefined) return NO_ACTIVATION;
  if (Number(forPid) !== pid) return nothing(foreignPid(forPid, pid));
  if (!/^\d{1,7}$/.test(count ?? "") || count === "0")
    return nothing(`LISTEN_FDS is ${shown(count)}, which is not a number of sockets`);
  const named = names?.split(":") ?? [];
  const sockets: PassedSocket[] = [];
  for (let index = 0; index < Number(count); index += 1) {
    const fd = FIRST_FD + index;
    if (!isOpen(fd)) return nothing(`LISTEN_FDS is ${count}, but descriptor ${fd} is not open`);
    sockets.push({ fd, name: named[index] ?? "unknown" });
  }
  return { sockets, missing: "" };
}

function nothing(missing: string): Activation {
  return { sockets: [], missing };
}

function foreignPid(forPid: string | undefined, pid: number): string {
  return (
    `the sockets were passed to another process: LISTEN_PID is ${shown(forPid)}, this is process ` +
    `${pid}; start this program directly, or let the program in between replace itself by exec`
  );
}

function shown(text: string | undefined): string {
  return text === undefined ? "not set" : JSON.stringify(text.slice(0, 40));
}

/**
 * Chooses the passed socket for the source `systemd` or `systemd:NAME`. If `name` is empty, systemd
 * must have passed exactly one socket. If `name` is not empty, systemd must have passed exactly one
 * socket with this name, and may have passed sockets with other names.
 *
 * @throws {RelayError} if no socket or several sockets match; the message lists the passed sockets.
 */
export function choosePassedSocket({ sockets, missing }: Activation, name: string): PassedSocket {
  const address = name === "" ? "systemd" : `systemd:${name}`;
  const refuse = (reason: string) =>
    new RelayError("ENOTSOCK", address, `cannot listen on ${address}: ${reason}`);
  if (sockets.length === 0) throw refuse(missing);
  const meant = name === "" ? sockets : sockets.filter((socket) => socket.name === name);
  const [socket] = meant;
  if (socket !== undefined && meant.length === 1) return socket;
  const were = `systemd passed ${list(sockets)}`;
  if (name === "") throw refuse(`${were}; name one: systemd:NAME`);
  throw refuse(
    meant.length === 0 ? `${were}` : `${were}; give each a FileDescriptorName= of its own`,
  );
}

// The maximum number of sockets that a message lists.
const LISTED_MOST = 10;

function list(sockets: readonly PassedSocket[]): string {
  const words = sockets
    .slice(0, LISTED_MOST)
    .map(({ fd, name }) => `${name} (descriptor ${fd})`)
    .join(", ");
  const more = sockets.length > LISTED_MOST ? ", …" : "";
  return sockets.length === 1
    ? `one socket: ${words}`
    : `${sockets.length} sockets: ${words}${more}`;
}
