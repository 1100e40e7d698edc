import { isInNetwork } from "../../os/private-network-namespace.ts";
import { closeSync } from "node:fs";
import type { SocketEndpoint } from "../../address/address.ts";
import { isSameSource } from "../../address/is-same-source.ts";
import { RelayError } from "../../relay/error.ts";
import type { HandedSource } from "../../relay/kinds-of-source.ts";
import {
  changePermissions,
  permissionChanges,
} from "../../relay/listen/socket-file/change-permissions.ts";
import type { Permissions } from "../../relay/listen/socket-file/listen-on-path.ts";
import { isAt } from "../../relay/listen/socket-file/identify-and-remove.ts";
import { Channel, type ChannelListener } from "./handover-channel.ts";
import type { Succession } from "../../relay/relay-context.ts";
import {
  type HandedFile,
  type HandedListener,
  type HandoverDocument,
  listenerKey,
  type ListenerRole,
} from "./handover-document.ts";
import { type EarlierListener, EarlierProcesses } from "./earlier-processes.ts";
import { HandoverError } from "./handover-error.ts";
import { FIRST_DESCRIPTOR, handoverRequest } from "./handover-variable.ts";
import { type FromEarlier, type FromLater, readFromEarlier } from "./handover-messages.ts";
import { ShapeError } from "./read-json.ts";
import { endpointOrError } from "./systemd-sockets-across-handovers.ts";

/** The file of this thread's network namespace (proc(5)). */
const OWN_NETWORK = "/proc/thread-self/ns/net";

/**
 * The process that hands over to this process. When this process accepts clients, it reports this
 * to the predecessor. Only then does the predecessor stop accepting clients. If this process ends
 * before the report, no handover takes place and the predecessor goes on.
 */
export class Predecessor {
  readonly document: HandoverDocument;
  /**
   * The channel to the predecessor. This object owns the channel until `becomeEarlier` is called.
   */
  readonly channel: Channel;
  readonly #unclaimed: Map<number, HandedListener>;
  /**
   * The indices, in the document's list, of the listeners that this process has claimed, by the key
   * under which it has claimed each of them (`listenerKey`).
   */
  readonly #claimed = new Map<string, number>();
  /** The files of the Unix sockets that this process has claimed. */
  readonly #files: ClaimedFile[] = [];

  private constructor(document: HandoverDocument, channel: Channel) {
    this.document = document;
    this.channel = channel;
    this.#unclaimed = new Map(document.listeners.entries());
  }

  /**
   * Receives the handover document of the process that started this process.
   *
   * @throws {HandoverError} if that process ends before it has sent the document, or if this
   * version of the program does not understand the document.
   */
  static async meet(): Promise<Predecessor> {
    const document = Promise.withResolvers<HandoverDocument>();
    const channel = await Channel.open(FIRST_DESCRIPTOR).catch((error: unknown) => {
      throw new HandoverError("descriptor 3 is no channel to another process", { cause: error });
    });
    channel.listen(
      listener(document.reject, (message) => {
        if (message.kind !== "document") return;
        channel.listen(null);
        document.resolve(message.document);
      }),
    );
    return new Predecessor(await document.promise, channel);
  }

  /**
   * Takes the handed-over listening sockets of an address, and makes the caller their owner.
   * Returns null if no sockets of this address were handed over. Also returns null if clients can
   * no longer reach the sockets, because the file of the Unix socket is gone, or because the
   * network namespace was deleted and made again.
   *
   * The socket of a Unix path is known by its file. So another path of the same file, for example
   * through a link to its folder, gets the socket, too.
   */
  claim(
    role: ListenerRole,
    address: SocketEndpoint,
    permissions: Permissions,
  ): HandedSource | null {
    const key = listenerKey(role, address);
    const netns = address.kind === "unix" ? undefined : address.netns;
    for (const [index, { descriptors: fds, port, file, backlog, ...handed }] of this.#unclaimed) {
      const isUnix = address.kind === "unix" && file !== null;
      if (isUnix ? !handed.key.startsWith(`${role} `) : handed.key !== key) continue;
      // If the network namespace was deleted and made again under the same name, the relay needs a
      // new socket.
      if (netns !== undefined && !fds.every((fd) => isInNetwork(fd, netns))) continue;
      if (isUnix) {
        if (!isAt(address.path, file)) continue;
        this.#files.push({ path: address.path, file, permissions });
      }
      this.#unclaimed.delete(index);
      this.#claimed.set(key, index);
      const endpoint = address.kind === "tcp" ? { ...address, port } : address;
      return { kind: "handed", endpoint, fds, file, backlog };
    }
    return null;
  }

  /**
   * Returns the facts about the handover that a relay of this process needs: that the relay must
   * not accept clients yet, the last connection id of the predecessor's relay with the same name,
   * and the capture files of all relays.
   *
   * @param relay - the name of the relay
   */
  successionOf(relay: string): Succession {
    const { relays } = this.document;
    return {
      awaitsAccept: true,
      lastId: relays.find(({ name }) => name === relay)?.lastId,
      // Pass the capture files of all relays of the predecessor, because the new configuration may
      // give one relay's capture file to another relay.
      captures: {
        paths: relays.flatMap(({ capturePath }) => capturePath ?? []),
        identities: relays.flatMap(({ captureFile }) => captureFile ?? []),
      },
    };
  }

  /**
   * Gives the files of the claimed Unix sockets the permissions of this process's configuration.
   * Changes only the permissions that differ between this configuration and the predecessor's
   * configuration.
   *
   * @throws {RelayError} if the system does not allow a change; in this case all files have the
   *   same permissions as before the call.
   */
  setPermissions(): void {
    using undo = new DisposableStack();
    for (const { path, file, permissions } of this.#files) {
      const changes = permissionChanges(asked(file), permissions);
      if (Object.keys(changes).length === 0) continue;
      const { dev, ino } = file;
      undo.defer(changePermissions({ path, identity: { dev, ino } }, changes));
    }
    undo.move();
  }

  /** Whether the first process stays as the parent of all later processes (`ParentProcess`). */
  get hasParent(): boolean {
    const { isParent, earlier } = this.document;
    return isParent || earlier.some((process) => process.isParent);
  }

  /** Whether this process has claimed the listening sockets of an address. */
  hasClaimed(role: ListenerRole, address: SocketEndpoint): boolean {
    return this.#claimed.has(listenerKey(role, address));
  }

  /**
   * Reports that this process accepts clients. Returns true when the handover is complete. Returns
   * false if the predecessor gives the handover up and goes on; its log has the reason.
   *
   * @throws {HandoverError} if the predecessor ends before the handover is complete.
   */
  async take(): Promise<boolean> {
    const taken = Promise.withResolvers<boolean>();
    this.channel.listen(
      listener(taken.reject, (message) => {
        if (message.kind === "givenUp") taken.resolve(false);
        if (message.kind !== "taken") return;
        // Keep later messages for the listener that `becomeEarlier` sets.
        this.channel.listen(null);
        taken.resolve(true);
      }),
    );
    this.#say({ kind: "ready", pid: process.pid, claimed: [...this.#claimed.values()] });
    if (!(await taken.promise)) return false;
    for (const { descriptors } of this.#unclaimed.values()) descriptors.forEach(closeSync);
    return true;
  }

  /**
   * Returns all earlier processes, including the predecessor. Their reports go to `listener`. The
   * returned object owns the channel to the predecessor. Call this method after `take`.
   */
  async becomeEarlier(listener: EarlierListener): Promise<EarlierProcesses> {
    const { pid, isParent, earlier } = this.document;
    const processes = new EarlierProcesses(listener);
    await processes.meet(earlier);
    processes.add(pid, isParent, this.channel);
    return processes;
  }

  /**
   * Returns the address of a handed-over socket that keeps this process from listening on
   * `address`, because this process has not claimed the socket, so the predecessor still listens on
   * it. Null if there is none.
   */
  inTheWayOf(address: SocketEndpoint): SocketEndpoint | null {
    const { netns, ...wanted } = { netns: undefined, ...address };
    for (const { descriptors, file } of this.#unclaimed.values()) {
      if (address.kind === "unix" && file !== null && isAt(address.path, file)) return address;
      for (const fd of descriptors) {
        const bound = endpointOrError(fd);
        if (bound instanceof RelayError) continue;
        if (isSameSource(bound, wanted) && isInNetwork(fd, netns ?? OWN_NETWORK)) return bound;
      }
    }
    return null;
  }

  /** Reports that this process cannot take over. */
  refuse(reason: string): void {
    this.#say({ kind: "failed", reason });
  }

  #say(message: FromLater): void {
    this.channel.send(message);
  }
}

interface ClaimedFile {
  readonly path: string;
  readonly file: HandedFile;
  /** The permissions that are configured in this process. */
  readonly permissions: Permissions;
}

/** Returns the permissions that the predecessor's configuration gives the file. */
function asked({ mode, owner, group }: HandedFile): Permissions {
  return { mode: mode ?? undefined, owner: owner ?? undefined, group: group ?? undefined };
}

let met: Promise<Predecessor> | undefined;

/**
 * Returns the predecessor; null if this process was not started for a handover. The first call
 * receives the handover document; later calls return the same predecessor.
 */
export function meetPredecessor(): Promise<Predecessor | null> {
  if (handoverRequest === null) return Promise.resolve(null);
  return (met ??= Predecessor.meet());
}

function listener(
  fail: (error: HandoverError) => void,
  hear: (message: FromEarlier) => void,
): ChannelListener {
  return {
    message(value) {
      try {
        const message = readFromEarlier(value);
        if (message !== null) hear(message);
      } catch (error) {
        if (!(error instanceof ShapeError)) throw error;
        fail(new HandoverError(`what was handed over is not understood: ${error.message}`));
      }
    },
    closed: () => fail(new HandoverError("the process that hands over has ended")),
  };
}
