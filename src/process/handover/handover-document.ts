import { resolve } from "node:path";
import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import type { FileIdentity } from "../../relay/kinds-of-source.ts";
import {
  boolean,
  field,
  integer,
  listOf,
  nullOr,
  orElse,
  record,
  ShapeError,
  string,
} from "./read-json.ts";

/** The version of the documents that this program writes, and the highest version that it reads. */
export const DOCUMENT_VERSION = 1;

/**
 * The first message of a process to its successor, which describes everything that is handed over.
 * The successor may be another version of this program. A version may add fields, but the meaning
 * of a field never changes. A document that older versions could not understand gets a higher
 * version number.
 */
export interface HandoverDocument {
  readonly version: number;
  /** The id of the process that hands over. */
  readonly pid: number;
  /**
   * Whether the process that hands over is the first process, which stays as the parent of all
   * later processes.
   */
  readonly isParent: boolean;
  readonly listeners: readonly HandedListener[];
  readonly passed: readonly HandedSocket[];
  readonly earlier: readonly EarlierProcess[];
  /** The relays of the process. Empty if an earlier version of this program wrote the document. */
  readonly relays: readonly HandedRelay[];
}

/** A relay of the process that hands over. */
export interface HandedRelay {
  readonly name: string;
  /**
   * The highest id that the process that hands over may give to a connection of this relay. The
   * successor gives higher ids.
   */
  readonly lastId: number;
  /**
   * Identifies the file that the relay captures into (`HandoverRelay.captureFile`); null if there is
   * none, or if an earlier version of this program wrote the document.
   */
  readonly captureFile: string | null;
}

/** A listening socket that the process opened: a relay's source, the admin or the metrics address. */
export interface HandedListener {
  /**
   * The key by which the successor finds the socket: the socket's role and configured address as
   * one text, made by `listenerKey`.
   */
  readonly key: string;
  /**
   * The descriptors that the listening sockets have in the successor. A source on `localhost` has
   * two sockets.
   */
  readonly descriptors: readonly number[];
  /**
   * The TCP port that the socket is bound to, which the system chose if port 0 was configured. 0 if
   * the address is not a TCP address.
   */
  readonly port: number;
  /** The file of a Unix socket; null for other addresses. */
  readonly file: HandedFile | null;
  /**
   * The configured length of the kernel's queue of clients; null if an earlier version of this
   * program wrote the document.
   */
  readonly backlog: number | null;
}

/** The file of a Unix socket, and its configured permissions. */
export interface HandedFile extends FileIdentity {
  /** The configured permissions; null if none were configured. */
  readonly mode: number | null;
  readonly owner: number | null;
  readonly group: number | null;
}

/** A listening socket that was passed to the first process at its start. */
export interface HandedSocket {
  readonly descriptor: number;
  /** The number of the socket's descriptor in the first process: the N of `fd:N`. */
  readonly number: number;
  /** The name that systemd gave the socket; null if systemd did not pass the socket. */
  readonly name: string | null;
}

/**
 * A process that handed over before this handover and still runs, because it still has connections
 * or is the parent of all later processes.
 */
export interface EarlierProcess {
  readonly pid: number;
  /** The descriptor that the channel to the earlier process has in the successor. */
  readonly descriptor: number;
  /**
   * Whether the earlier process is the first process, which stays as the parent of all later
   * processes.
   */
  readonly isParent: boolean;
}

/** The role of a listening socket. */
export type ListenerRole = "source" | "admin" | "metrics";

/**
 * Returns the key that identifies the socket of a role and an address in a document. A relative
 * path becomes an absolute path.
 */
export function listenerKey(role: ListenerRole, address: SocketEndpoint): string {
  const absolute: SocketEndpoint =
    address.kind === "unix" ? { kind: "unix", path: resolve(address.path) } : address;
  const netns = absolute.kind === "unix" ? undefined : absolute.netns;
  return `${role} ${printAddress(absolute)}${netns === undefined ? "" : ` in ${netns}`}`;
}

const readFile = record<HandedFile>({
  dev: string,
  ino: string,
  mode: nullOr(integer),
  owner: nullOr(integer),
  group: nullOr(integer),
});

const readFields = record<HandoverDocument>({
  version: integer,
  pid: integer,
  isParent: boolean,
  listeners: listOf(
    record<HandedListener>({
      key: string,
      descriptors: listOf(integer),
      port: integer,
      file: nullOr(readFile),
      backlog: orElse(null, nullOr(integer)),
    }),
  ),
  passed: listOf(
    record<HandedSocket>({ descriptor: integer, number: integer, name: nullOr(string) }),
  ),
  earlier: listOf(record<EarlierProcess>({ pid: integer, descriptor: integer, isParent: boolean })),
  relays: orElse(
    [],
    listOf(
      record<HandedRelay>({
        name: string,
        lastId: integer,
        captureFile: orElse(null, nullOr(string)),
      }),
    ),
  ),
});

/**
 * Reads a document.
 *
 * @throws {ShapeError} if the value is no document, or its version is higher than the versions that
 * this program knows.
 */
export function readDocument(value: unknown): HandoverDocument {
  const version = field(value, "version", integer);
  if (version > DOCUMENT_VERSION)
    throw new ShapeError(`its version is ${version}, and ${DOCUMENT_VERSION} is the highest known`);
  return readFields(value);
}
