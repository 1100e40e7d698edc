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

/**
 * The value of `HandoverDocument.version` that this program writes, and the highest value that it
 * can read.
 */
export const DOCUMENT_VERSION = 1;

/**
 * The content of a process's first message to its successor, which describes everything that is
 * handed over. The successor may be another version of this program. A newer version of the program
 * may add fields to the document, but never changes the meaning of a field. If older versions of
 * the program could not understand a document, the document's `version` is raised.
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

/**
 * The listening sockets of one address: of a relay's source, of the admin address or of the metrics
 * address. The process that hands over, or an earlier process, opened them. `localhost` may have
 * two sockets; every other address has one.
 */
export interface HandedListener {
  /**
   * The key by which the successor finds the sockets: their role and their configured address as
   * one text, made by `listenerKey`.
   */
  readonly key: string;
  /** The sockets' descriptors in the successor. */
  readonly descriptors: readonly number[];
  /**
   * The TCP port that the sockets are bound to, which the system chose if port 0 was configured. 0
   * if the address is not a TCP address.
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

/** A listening socket that systemd or another program passed to the first process at its start. */
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
 * Returns the key that identifies the sockets of a role and an address in a handover document. A
 * relative path becomes an absolute path.
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
 * Reads a handover document.
 *
 * @throws {ShapeError} if the value is not a handover document, or if its `version` is higher than
 * `DOCUMENT_VERSION`.
 */
export function readDocument(value: unknown): HandoverDocument {
  const version = field(value, "version", integer);
  if (version > DOCUMENT_VERSION)
    throw new ShapeError(`its version is ${version}, and ${DOCUMENT_VERSION} is the highest known`);
  return readFields(value);
}
