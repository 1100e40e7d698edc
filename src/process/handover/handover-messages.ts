import { type HandoverDocument, readDocument } from "./handover-document.ts";
import { field, integer, listOf, nullOr, type Reader, record, string, word } from "./read-json.ts";

// The messages that two processes of a handover exchange over their channel. Either side may be
// another version of this program, so unknown kinds of messages are ignored.

/**
 * A message from a process to its successor. After a further handover, the process sends
 * its messages to the newest process.
 */
export type FromEarlier =
  /** The first message, which describes everything that is handed over. */
  | { readonly kind: "document"; readonly document: HandoverDocument }
  /** Reports that the handover is complete: the sender accepts no client any more. */
  | { readonly kind: "taken" }
  /**
   * Reports that the handover has failed although the receiver is ready: the sender goes on, and
   * the receiver must end. Older versions only close the channel in this case.
   */
  | { readonly kind: "givenUp" }
  /** Reports the number of connections that the sender still has. */
  | { readonly kind: "open"; readonly connections: number }
  /**
   * Reports the total number of requests to stop that the sender has received. The receiver must
   * stop, too.
   */
  | { readonly kind: "asked"; readonly times: number }
  /** Asks the newest process to hand over, because the sender has received HUP. */
  | { readonly kind: "hangup" };

/** A message of a process to earlier processes. */
export type FromLater =
  /**
   * Reports that the sender accepts clients. `claimed` names the listening sockets that the sender
   * uses, by their indices in `HandoverDocument.listeners`.
   */
  | { readonly kind: "ready"; readonly pid: number; readonly claimed: readonly number[] }
  /** Reports that the sender cannot start. */
  | { readonly kind: "failed"; readonly reason: string }
  /**
   * Names the newest process by its id. The receiver then reports its number of connections to the
   * newest process.
   */
  | { readonly kind: "newest"; readonly pid: number }
  /**
   * Asks the receiver to end within `drainTimeout` milliseconds. If `drainTimeout` is null, the
   * receiver uses its own drain timeout.
   */
  | { readonly kind: "stop"; readonly drainTimeout: number | null };

const FROM_EARLIER: Readers<FromEarlier> = {
  document: record({ kind: word("document"), document: readDocument }),
  taken: record({ kind: word("taken") }),
  givenUp: record({ kind: word("givenUp") }),
  open: record({ kind: word("open"), connections: integer }),
  asked: record({ kind: word("asked"), times: integer }),
  hangup: record({ kind: word("hangup") }),
};

const FROM_LATER: Readers<FromLater> = {
  ready: record({ kind: word("ready"), pid: integer, claimed: listOf(integer) }),
  failed: record({ kind: word("failed"), reason: string }),
  newest: record({ kind: word("newest"), pid: integer }),
  stop: record({ kind: word("stop"), drainTimeout: nullOr(integer) }),
};

/** A table of the functions that read messages, by the kind of the message. */
type Readers<Message extends { readonly kind: string }> = {
  readonly [Kind in Message["kind"]]: Reader<Extract<Message, { readonly kind: Kind }>>;
};

/**
 * Reads a message of an earlier process. Returns null if the message's kind is unknown.
 *
 * @throws {ShapeError} if the value is not a message, or if a field of a known kind of message has
 * an unexpected value
 */
export function readFromEarlier(value: unknown): FromEarlier | null {
  const kind = field(value, "kind", string);
  return isKey(FROM_EARLIER, kind) ? FROM_EARLIER[kind](value) : null;
}

/**
 * Reads a message of a later process. Returns null if the message's kind is unknown.
 *
 * @throws {ShapeError} if the value is not a message, or if a field of a known kind of message has
 * an unexpected value
 */
export function readFromLater(value: unknown): FromLater | null {
  const kind = field(value, "kind", string);
  return isKey(FROM_LATER, kind) ? FROM_LATER[kind](value) : null;
}

function isKey<Table extends object>(table: Table, key: string): key is keyof Table & string {
  return Object.hasOwn(table, key);
}
