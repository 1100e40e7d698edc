import type { SocketEndpoint } from "../../address/address.ts";
import { errnoCode, errnoWords } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { becomeSubreaper } from "../../os/calls-for-handover.ts";
import type { FileIdentity, HandedSource } from "../../relay/kinds-of-source.ts";
import type { Permissions } from "../../relay/listen/socket-file/listen-on-path.ts";
import { reloading } from "../../systemd/announce-main-process.ts";
import type { PassedSockets } from "./systemd-sockets-across-handovers.ts";
import type { Reaper } from "./reap-orphans.ts";
import {
  DOCUMENT_VERSION,
  type HandedFile,
  type HandedRelay,
  listenerKey,
  type ListenerRole,
} from "./handover-document.ts";
import type { EarlierProcesses } from "./earlier-processes.ts";
import { HandoverError } from "./handover-error.ts";
import { FIRST_DESCRIPTOR } from "./handover-variable.ts";
import { notePermissions } from "./keep-file-permissions.ts";
import { type Manager, moveMainProcess } from "./move-main-process.ts";
import { startSuccessor, type Successor, type SuccessorStart } from "./start-successor.ts";

/**
 * The number of ids that are reserved for the connections that a relay accepts after the handover
 * document was written and before the handover is complete. The successor gives only ids above the
 * reserved ids, so no two connections of a relay have the same id.
 */
const IDS_MEANWHILE = 1_000_000;

/**
 * Everything that a process hands over, and the other processes that must know about the handover.
 */
export interface Estate {
  /**
   * The listening sockets that this process or an earlier process opened. The successor names a
   * socket by its index in this list.
   */
  readonly listeners: readonly OpenedListener[];
  readonly passed: PassedSockets;
  /** The process's relays, each with the last id that the relay has given to a connection. */
  readonly relays: readonly HandedRelay[];
  readonly earlier: EarlierProcesses | null;
  /**
   * The notifier and the socket with which this process tells the service manager that the
   * successor is the new main process; null if this process does not tell a service manager.
   */
  readonly manager: Manager | null;
  /**
   * Stops accepting clients in this process. `claimed` has the indices, in `listeners`, of the
   * sockets that the successor uses; the files of the other Unix sockets are removed. Settles after
   * this process has stopped accepting clients, or after a time limit.
   */
  vacate(claimed: ReadonlySet<number>): Promise<void>;
  /**
   * Collects the exit statuses of later processes; null unless this process is the first process
   * and stays as the parent of all later processes.
   */
  readonly reaper: Reaper | null;
}

/** A listening socket with its role and its configured address. */
export interface OpenedListener {
  readonly role: ListenerRole;
  readonly address: SocketEndpoint;
  readonly socket: HandedSource;
  /** The configured permissions of a Unix socket's file. */
  readonly permissions: Permissions;
}

/** The options for the start of the successor. */
export interface HandoverStart extends Pick<
  SuccessorStart,
  "command" | "environment" | "signal" | "patience"
> {
  readonly libc: Libc;
  /** Warns of a problem that does not stop the handover. */
  warn(message: string): void;
}

/**
 * Hands over to a new process: starts the successor, waits until the successor accepts clients,
 * makes it the main process, stops accepting in this process, and then tells the successor that the
 * handover is complete.
 *
 * @throws {HandoverError} if the successor does not start to accept clients, if it ends before it
 *   has taken over, or if the service manager cannot be told that the successor is the new main
 *   process. After this error, this process still accepts clients and must go on.
 */
export async function handOver(estate: Estate, start: HandoverStart): Promise<Successor> {
  const { manager, earlier, reaper } = estate;
  if (reaper !== null) adoptDescendants();
  const restorePermissions = notePermissions(estate.listeners, start.warn);
  manager?.notifier.notify(reloading());
  try {
    const successor = await startSuccessor({
      ...start,
      ...documentOf(estate),
      spawned: (child) => reaper?.leave(child),
    });
    // The successor may have ended after it was ready. If this process then stopped accepting,
    // nobody would accept clients.
    await successor.check();
    if (manager !== null) await moveMainProcess(manager, successor, start);
    // Stop accepting before `taken` is sent. When the successor receives `taken`, it logs the
    // takeover. After this log line, no client may be served with the old configuration.
    await estate.vacate(successor.claimed);
    // Announce the successor to the earlier processes before `taken` is sent. The successor will
    // announce itself when it has received `taken`, but it may end before it does so. Even then the
    // first process must know the successor's id.
    earlier?.announce(successor.pid);
    successor.send({ kind: "taken" });
    return successor;
  } catch (error) {
    manager?.notifier.notify({ READY: "1" });
    restoreQueues(estate, start.libc);
    restorePermissions();
    throw error;
  }
}

/**
 * Sets the backlog of each listening socket (the length of the kernel's accept queue) to its
 * configured value again, because the failed successor may have changed it (listen(2)).
 */
function restoreQueues({ listeners }: Estate, libc: Libc): void {
  for (const { socket } of listeners)
    for (const fd of socket.fds) if (socket.backlog !== null) libc.listen(fd, socket.backlog);
}

/**
 * Returns the message with the handover document, and the descriptors of this process that the
 * document refers to.
 */
function documentOf({ listeners, passed, relays, earlier, reaper }: Estate) {
  const descriptors: number[] = [];
  // In the successor, the channel gets the number `FIRST_DESCRIPTOR`. The list `descriptors` gets
  // the numbers after it.
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
    relays: relays.map((relay) => ({ ...relay, lastId: relay.lastId + IDS_MEANWHILE })),
  };
  return { descriptors, document: { kind: "document", document } } as const;
}

function withPermissions(
  { dev, ino }: FileIdentity,
  { mode, owner, group }: Permissions,
): HandedFile {
  return { dev, ino, mode: mode ?? null, owner: owner ?? null, group: group ?? null };
}

/** Makes this process the parent of all later processes whose own parents have ended. */
function adoptDescendants(): void {
  const result = becomeSubreaper();
  if (result >= 0) return;
  const reason = errnoWords(errnoCode(result));
  throw new HandoverError(`this process cannot become the parent of those that follow: ${reason}`);
}
