import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import { absolutePath } from "../../os/canonical-path.ts";
import { canonicalNetwork } from "../../os/sockets-in-namespace.ts";
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
 * The version of the handover documents that this program writes (`HandoverDocument.version`). This
 * program reads documents of this version and of lower versions.
 */
export const DOCUMENT_VERSION = 1;

/**
 * The content of the first message from a process to its successor: a description of everything
 * that the process hands over. The successor may be another version of this program. So a new
 * version of the program may add fields to the document, but must not change the meaning of a
 * field. A change that older versions of the program cannot understand must raise `version`.
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
   * The highest id that the relay may give to a connection before the handover is complete. The
   * successor gives only higher ids to the connections of this relay.
   */
  readonly lastId: number;
  /**
   * Identifies the file that the relay captures into (`HandoverRelay.captureFile`); null if there
   * is none, or if an earlier version of this program wrote the document.
   */
  readonly captureFile: string | null;
  /**
   * The configured path of the capture; null if `captureFile` is null. By the end of the handover,
   * another file may be at this path: a full capture file is renamed, and a new file begins.
   */
  readonly capturePath: string | null;
}

/**
 * The listening sockets of one address: of a relay's source, of the admin address or of the metrics
 * address. The process that hands over, or an earlier process, opened these sockets. `localhost`
 * may have two sockets; every other address has one.
 */
export interface HandedListener {
  /**
   * Identifies the sockets: the text that `listenerKey` makes of their role and their configured
   * address. The successor finds the sockets by this key.
   */
  readonly key: string;
  /** The sockets' descriptors in the successor. */
  readonly descriptors: readonly number[];
  /**
   * The TCP port that the sockets are bound to; 0 if the address is not a TCP address. If port 0
   * was configured, this is the port that the system chose.
   */
  readonly port: number;
  /** The file of a Unix socket; null for other addresses. */
  readonly file: HandedFile | null;
  /**
   * The configured backlog (the length of the kernel's accept queue, listen(2)); null if an earlier
   * version of this program wrote the document.
   */
  readonly backlog: number | null;
}

/** The file of a Unix socket, and its configured permissions. */
export interface HandedFile extends FileIdentity {
  /** The configured mode of the file; null if none was configured. */
  readonly mode: number | null;
  /** The configured user id of the file's owner; null if none was configured. */
  readonly owner: number | null;
  /** The configured group id of the file; null if none was configured. */
  readonly group: number | null;
}

/** A listening socket that systemd or another program passed to the first process at its start. */
export interface HandedSocket {
  readonly descriptor: number;
  /**
   * The number of the socket's descriptor in the first process. A source `fd:N` names the socket by
   * this number N.
   */
  readonly number: number;
  /** The name that systemd gave the socket; null if systemd did not pass the socket. */
  readonly name: string | null;
}

/**
 * A process that handed over in an earlier handover and still runs, because it still has
 * connections, or because it is the first process and stays as the parent of all later processes.
 */
export interface EarlierProcess {
  readonly pid: number;
  /** The channel to the earlier process: its descriptor number in the successor. */
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
    address.kind === "unix" ? { kind: "unix", path: absolutePath(address.path) } : address;
  const netns = absolute.kind === "unix" ? undefined : absolute.netns;
  const place = netns === undefined ? "" : ` in ${canonicalNetwork(netns)}`;
  return `${role} ${printAddress(absolute)}${place}`;
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
        capturePath: orElse(null, nullOr(string)),
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
