import type { SocketEndpoint } from "../../address/address.ts";
import { errnoCode, errnoWords } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { becomeSubreaper } from "../../os/process-calls.ts";
import type { HandedSource } from "../../relay/listen/source.ts";
import type { Permissions } from "../../relay/listen/socket-file/listen-on-path.ts";
import type { FileIdentity } from "../../relay/listen/socket-file/placed-file.ts";
import type { HeldNotifier } from "../../systemd/held-notifier.ts";
import { giveMainProcess, MainProcessError, reloading } from "../../systemd/main-process.ts";
import type { PassedSockets } from "./passed-sockets.ts";
import type { Reaper } from "./reaper.ts";
import {
  DOCUMENT_VERSION,
  type HandedFile,
  type HandedRelay,
  listenerKey,
  type ListenerRole,
} from "./document.ts";
import type { EarlierProcesses } from "./earlier-processes.ts";
import { HandoverError } from "./handover-error.ts";
import { FIRST_DESCRIPTOR } from "./handover-variable.ts";
import { startSuccessor, type Successor, type SuccessorStart } from "./start-successor.ts";

/**
 * How many ids a relay may give to connections until the other process has its place. The other
 * process begins above them, so that no two connections of a relay have the same id.
 */
const IDS_MEANWHILE = 1_000_000;

/** What a process has, and who must know that another has its place. */
export interface Estate {
  /** The listening sockets that it opened; the other process names them by their index. */
  readonly listeners: readonly OpenedListener[];
  readonly passed: PassedSockets;
  /** Its relays, with the last id that each gave to a connection. */
  readonly relays: readonly HandedRelay[];
  readonly earlier: EarlierProcesses | null;
  /** The service manager, if one is to know the main process. */
  readonly manager: Manager | null;
  /**
   * Accepts nobody any more, and leaves those of `listeners` to the other process that have these
   * indices. Settles when that is so.
   */
  vacate(claimed: ReadonlySet<number>): Promise<void>;
  /** What waits for the processes that follow, if this one stays as their parent. */
  readonly reaper: Reaper | null;
}

/** A listening socket, what it is for, and the address that was asked for. */
export interface OpenedListener {
  readonly role: ListenerRole;
  readonly address: SocketEndpoint;
  readonly socket: HandedSource;
  /** Those that were asked for, of a Unix socket's file. */
  readonly permissions: Permissions;
}

/** A service manager, as sd_notify(3) speaks to it. */
export interface Manager {
  readonly notifier: HeldNotifier;
  /** The value of NOTIFY_SOCKET. */
  readonly socket: string;
}

/** How the other process is started. */
export interface HandoverStart extends Pick<
  SuccessorStart,
  "command" | "environment" | "signal" | "patience"
> {
  readonly libc: Libc;
  /** Something went wrong that does not keep the handover from going on. */
  warn(message: string): void;
}

/**
 * Hands this process' place over: starts another process, waits until it accepts clients, makes it
 * the main process, accepts nobody any more, and says so to the other process.
 *
 * @throws {HandoverError} if the other process does not accept; this one is to go on then.
 */
export async function handOver(estate: Estate, start: HandoverStart): Promise<Successor> {
  const { manager, earlier, reaper } = estate;
  if (reaper !== null) adoptDescendants();
  manager?.notifier.notify(reloading());
  try {
    const successor = await startSuccessor({
      ...start,
      ...documentOf(estate),
      spawned: (child) => reaper?.leave(child),
    });
    if (manager !== null) await moveMainProcess(manager, successor, start);
    // When the other process says that it took over, no client meets the old configuration.
    await estate.vacate(successor.claimed);
    // The first process must know the next one before this one ends.
    earlier?.announce(successor.pid);
    successor.send({ kind: "taken" });
    return successor;
  } catch (error) {
    manager?.notifier.notify({ READY: "1" });
    restoreQueues(estate, start.libc);
    throw error;
  }
}

/** The other process may have changed the length of a queue before it failed (listen(2)). */
function restoreQueues({ listeners }: Estate, libc: Libc): void {
  for (const { socket } of listeners)
    for (const fd of socket.fds) if (socket.backlog !== null) libc.listen(fd, socket.backlog);
}

/** The document, and the descriptors that it speaks of. */
function documentOf({ listeners, passed, relays, earlier, reaper }: Estate) {
  const descriptors: number[] = [];
  // The channel comes first, so that the first of these has the next number.
  const give = (descriptor: number) => FIRST_DESCRIPTOR + descriptors.push(descriptor);
  const document = {
    version: DOCUMENT_VERSION,
    pid: process.pid,
    isParent: reaper !== null,
    listeners: listeners.map(({ role, address, socket, permissions }) => ({
      key: listenerKey(role, address),
      descriptors: socket.fds.map(give),
      port: socket.endpoint.kind === "tcp" ? socket.endpoint.port : 0,
      file: socket.file && withPermissions(socket.file, permissions),
      backlog: socket.backlog,
    })),
    passed: passed.records(give),
    earlier: earlier?.records(give) ?? [],
    relays: relays.map(({ name, lastId }) => ({ name, lastId: lastId + IDS_MEANWHILE })),
  };
  return { descriptors, document: { kind: "document", document } } as const;
}

function withPermissions(
  { dev, ino }: FileIdentity,
  { mode, owner, group }: Permissions,
): HandedFile {
  return { dev, ino, mode: mode ?? null, owner: owner ?? null, group: group ?? null };
}

/** The processes that follow are to be this one's children, not those of the one that started them. */
function adoptDescendants(): void {
  const result = becomeSubreaper();
  if (result >= 0) return;
  const reason = errnoWords(errnoCode(result));
  throw new HandoverError(`this process cannot become the parent of those that follow: ${reason}`);
}

/** The manager must know the new main process before this one stops. */
async function moveMainProcess(
  { notifier, socket }: Manager,
  successor: Successor,
  { libc, warn }: HandoverStart,
): Promise<void> {
  const { pid } = successor;
  notifier.hold();
  try {
    const doubt = await giveMainProcess(libc, socket, pid);
    if (doubt !== null)
      warn(`the service manager may not know that its main process is ${pid}: ${doubt}`);
  } catch (error) {
    if (!(error instanceof MainProcessError)) throw error;
    successor.giveUp();
    notifier.release();
    throw new HandoverError(`the service manager cannot be told: ${error.message}`);
  }
  notifier.silence();
}
