import { resolve } from "node:path";
import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import type { FileIdentity } from "../../relay/listen/socket-file/placed-file.ts";
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

/** The version of the document that this program writes, and the highest that it reads. */
export const DOCUMENT_VERSION = 1;

/**
 * What a process hands on to the one that takes its place. The other process may be another version
 * of this program: a version may add fields, but a field's meaning never changes, and a version that
 * others could not understand gets a higher number.
 */
export interface HandoverDocument {
  readonly version: number;
  /** The process that hands over. */
  readonly pid: number;
  /** Whether it is the first process, and stays as the parent of all that follow. */
  readonly isParent: boolean;
  readonly listeners: readonly HandedListener[];
  readonly passed: readonly HandedSocket[];
  readonly earlier: readonly EarlierProcess[];
  /** Empty if an earlier version wrote the document. */
  readonly relays: readonly HandedRelay[];
}

/** A relay of the process. */
export interface HandedRelay {
  readonly name: string;
  /** The process that hands over gives no higher id to a connection of the relay from now on. */
  readonly lastId: number;
}

/** A listening socket that the process opened: a relay's source, the admin or the metrics address. */
export interface HandedListener {
  /** What it is for, and the address that was asked for: `listenerKey`. */
  readonly key: string;
  /** Each is a listening socket: `localhost` has two. */
  readonly descriptors: readonly number[];
  /** The port of a TCP address, which the system chose where 0 was asked; 0 of any other. */
  readonly port: number;
  /** The file of a Unix socket; null of any other. */
  readonly file: HandedFile | null;
  /** The length of the kernel's queue that was asked for; null if an earlier version wrote this. */
  readonly backlog: number | null;
}

/** The file that leads to a Unix socket. */
export interface HandedFile extends FileIdentity {
  /** The permissions that were asked for; null if the process' own were right. */
  readonly mode: number | null;
  readonly owner: number | null;
  readonly group: number | null;
}

/** A listening socket that the first process was started with. */
export interface HandedSocket {
  readonly descriptor: number;
  /** The number of the descriptor in the first process, by which `fd:N` names it. */
  readonly number: number;
  /** The name that systemd gave it; null if systemd did not pass it. */
  readonly name: string | null;
}

/** A process that handed over before: it still has connections, or it stays as the parent. */
export interface EarlierProcess {
  readonly pid: number;
  /** This side's end of the channel to it. */
  readonly descriptor: number;
  /** Whether it is the first process, and stays as the parent of all that follow. */
  readonly isParent: boolean;
}

/** What a listening socket is for. */
export type ListenerRole = "source" | "admin" | "metrics";

/** The text by which the socket of an address is found again in a document. */
export function listenerKey(role: ListenerRole, address: SocketEndpoint): string {
  const absolute: SocketEndpoint =
    address.kind === "unix" ? { kind: "unix", path: resolve(address.path) } : address;
  return `${role} ${printAddress(absolute)}`;
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
  relays: orElse([], listOf(record<HandedRelay>({ name: string, lastId: integer }))),
});

/**
 * Reads a document.
 *
 * @throws {ShapeError} if it is none, or of a version that this program does not know.
 */
export function readDocument(value: unknown): HandoverDocument {
  const version = field(value, "version", integer);
  if (version > DOCUMENT_VERSION)
    throw new ShapeError(`its version is ${version}, and ${DOCUMENT_VERSION} is the highest known`);
  return readFields(value);
}
