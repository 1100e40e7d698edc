import { isInNetwork } from "../../os/network-namespace.ts";
import { closeSync } from "node:fs";
import type { SocketEndpoint } from "../../address/address.ts";
import type { HandedSource } from "../../relay/listen/source.ts";
import {
  changePermissions,
  permissionChanges,
} from "../../relay/listen/socket-file/change-permissions.ts";
import type { Permissions } from "../../relay/listen/socket-file/listen-on-path.ts";
import { isAt } from "../../relay/listen/socket-file/placed-file.ts";
import { Channel, type ChannelListener } from "./channel.ts";
import {
  type HandedFile,
  type HandedListener,
  type HandoverDocument,
  listenerKey,
  type ListenerRole,
} from "./document.ts";
import { type EarlierListener, EarlierProcesses } from "./earlier-processes.ts";
import { HandoverError } from "./handover-error.ts";
import { FIRST_DESCRIPTOR, handoverRequest } from "./handover-variable.ts";
import { type FromEarlier, type FromLater, readFromEarlier } from "./messages.ts";
import { ShapeError } from "./read-json.ts";

/**
 * The process that hands over to this one. It accepts clients until this process reports that it
 * accepts them. If this process ends before that, the predecessor goes on as if nothing had
 * happened.
 */
export class Predecessor {
  readonly document: HandoverDocument;
  /**
   * The channel to the predecessor. This object owns the descriptor until the handover is complete.
   */
  readonly channel: Channel;
  readonly #unclaimed: Map<number, HandedListener>;
  readonly #claimed: number[] = [];
  /** The files of claimed Unix sockets. */
  readonly #files: ClaimedFile[] = [];

  private constructor(document: HandoverDocument, channel: Channel) {
    this.document = document;
    this.channel = channel;
    this.#unclaimed = new Map(document.listeners.entries());
  }

  /**
   * Receives the document of the process that started this process.
   *
   * @throws {HandoverError} if it ends before, or hands over what this version does not understand.
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
   * Takes the listening socket of an address; the caller then owns it. Null if no such socket was
   * handed over, or if it is a Unix socket whose file is gone, so that no client can find it.
   *
   * @param permissions - those that a Unix socket's file is to have from `setPermissions` on
   */
  claim(
    role: ListenerRole,
    address: SocketEndpoint,
    permissions: Permissions,
  ): HandedSource | null {
    const key = listenerKey(role, address);
    const netns = address.kind === "unix" ? undefined : address.netns;
    for (const [index, { descriptors: fds, port, file, backlog, ...handed }] of this.#unclaimed) {
      if (handed.key !== key) continue;
      // A namespace that was made anew under the same name needs a new socket.
      if (netns !== undefined && !fds.every((fd) => isInNetwork(fd, netns))) continue;
      if (address.kind === "unix" && file !== null) {
        if (!isAt(address.path, file)) continue;
        this.#files.push({ path: address.path, file, permissions });
      }
      this.#unclaimed.delete(index);
      this.#claimed.push(index);
      const endpoint = address.kind === "tcp" ? { ...address, port } : address;
      return { kind: "handed", endpoint, fds, file, backlog };
    }
    return null;
  }

  /**
   * The highest connection id that the predecessor may use for a relay; 0 if it does not have the
   * relay.
   */
  lastIdOf(relay: string): number {
    return this.document.relays.find(({ name }) => name === relay)?.lastId ?? 0;
  }

  /**
   * Changes the permissions of the Unix sockets' files if they are configured differently now.
   *
   * @throws {RelayError} if the system does not allow it; all files are as before then.
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

  /** Whether the listening socket of an address was claimed. */
  hasClaimed(role: ListenerRole, address: SocketEndpoint): boolean {
    const key = listenerKey(role, address);
    return this.#claimed.some((index) => this.document.listeners[index]?.key === key);
  }

  /**
   * Reports that this process accepts clients; settles once the handover is complete.
   *
   * @throws {HandoverError} if the other process ends before.
   */
  async take(): Promise<void> {
    const taken = Promise.withResolvers<void>();
    this.channel.listen(
      listener(taken.reject, (message) => {
        if (message.kind !== "taken") return;
        // Later messages are for this process as the newest one.
        this.channel.listen(null);
        taken.resolve();
      }),
    );
    this.#say({ kind: "ready", pid: process.pid, claimed: this.#claimed });
    await taken.promise;
    for (const { descriptors } of this.#unclaimed.values()) descriptors.forEach(closeSync);
  }

  /** The processes before this one, after `take`. */
  async becomeEarlier(listener: EarlierListener): Promise<EarlierProcesses> {
    const { pid, isParent, earlier } = this.document;
    const processes = new EarlierProcesses(listener);
    await processes.meet(earlier);
    processes.add(pid, isParent, this.channel);
    return processes;
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
  /** The permissions that are configured now. */
  readonly permissions: Permissions;
}

/** The permissions that were configured before. */
function asked({ mode, owner, group }: HandedFile): Permissions {
  return { mode: mode ?? undefined, owner: owner ?? undefined, group: group ?? undefined };
}

let met: Promise<Predecessor> | undefined;

/** The predecessor, as `Predecessor.meet`; null if this process was not started by a handover. */
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
