import { RelayError } from "../relay/error.ts";

/** The first descriptor that is passed (sd_listen_fds(3), SD_LISTEN_FDS_START). */
const FIRST_FD = 3;

const VARIABLES = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] as const;

/** A listening socket that systemd passed. */
export interface PassedSocket {
  readonly fd: number;
  /** Its `FileDescriptorName=`; systemd's word for none is `unknown`. */
  readonly name: string;
}

/**
 * The sockets that systemd passed to this process, by sd_listen_fds(3): LISTEN_PID must be this
 * process, LISTEN_FDS counts, LISTEN_FDNAMES names them. The variables are removed, as they mean
 * nothing to a child.
 */
export function takePassedSockets(env: NodeJS.ProcessEnv, pid: number): PassedSocket[] {
  const [forPid, count, names] = VARIABLES.map((variable) => env[variable]);
  for (const variable of VARIABLES) delete env[variable];
  if (Number(forPid) !== pid || !/^\d{1,5}$/.test(count ?? "")) return [];
  const named = names?.split(":") ?? [];
  return Array.from({ length: Number(count) }, (_, index) => ({
    fd: FIRST_FD + index,
    name: named[index] ?? "unknown",
  }));
}

/**
 * Chooses the one socket that a source of kind `systemd` means: the only one, or the one of that
 * name.
 *
 * @throws {RelayError} where that is none or several, with what was passed.
 */
export function choosePassedSocket(passed: readonly PassedSocket[], name: string): PassedSocket {
  const address = name === "" ? "systemd" : `systemd:${name}`;
  const refuse = (reason: string) =>
    new RelayError("ENOTSOCK", address, `cannot listen on ${address}: ${reason}`);
  if (passed.length === 0)
    throw refuse("systemd passed no socket; start this service by its .socket unit");
  const meant = name === "" ? passed : passed.filter((socket) => socket.name === name);
  const [socket] = meant;
  if (socket !== undefined && meant.length === 1) return socket;
  const were = `systemd passed ${list(passed)}`;
  if (name === "") throw refuse(`${were}; name one: systemd:NAME`);
  throw refuse(
    meant.length === 0 ? `${were}` : `${were}; give each a FileDescriptorName= of its own`,
  );
}

function list(passed: readonly PassedSocket[]): string {
  const words = passed.map(({ fd, name }) => `${name} (descriptor ${fd})`).join(", ");
  return passed.length === 1 ? `one socket: ${words}` : `${passed.length} sockets: ${words}`;
}
