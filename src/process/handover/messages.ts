import { type HandoverDocument, readDocument } from "./document.ts";
import { field, integer, listOf, nullOr, type Reader, record, string, word } from "./read-json.ts";

// What two generations say to each other over their channel. Either may be another version of this
// program: unknown kinds of messages are ignored.

/** What a process says to the one that it started, and then to each later one. */
export type FromEarlier =
  /** The first message. */
  | { readonly kind: "document"; readonly document: HandoverDocument }
  /** The place is taken: the other process is the relay now. */
  | { readonly kind: "taken" }
  /** How many connections it still has. */
  | { readonly kind: "open"; readonly connections: number }
  /** It was asked to stop so many times, and the newest process is meant, too. */
  | { readonly kind: "asked"; readonly times: number }
  /** HUP came to it, and is meant for the newest process. */
  | { readonly kind: "hangup" };

/** What a process says to those before it. */
export type FromLater =
  /** It accepts clients; `claimed` are the indices of the document's listeners that it uses. */
  | { readonly kind: "ready"; readonly pid: number; readonly claimed: readonly number[] }
  /** It cannot start. */
  | { readonly kind: "failed"; readonly reason: string }
  /** The newest generation is that process. */
  | { readonly kind: "newest"; readonly pid: number }
  /** End what is left within so many milliseconds; by its own drain timeout if null. */
  | { readonly kind: "stop"; readonly drainTimeout: number | null };

const FROM_EARLIER: Readers<FromEarlier> = {
  document: record({ kind: word("document"), document: readDocument }),
  taken: record({ kind: word("taken") }),
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

/** The reader of each kind of message. */
type Readers<Message extends { readonly kind: string }> = {
  readonly [Kind in Message["kind"]]: Reader<Extract<Message, { readonly kind: Kind }>>;
};

/** Reads a message of an earlier process; null of an unknown kind. Throws a `ShapeError`. */
export function readFromEarlier(value: unknown): FromEarlier | null {
  const kind = field(value, "kind", string);
  return isKey(FROM_EARLIER, kind) ? FROM_EARLIER[kind](value) : null;
}

/** Reads a message of a later process; null of an unknown kind. Throws a `ShapeError`. */
export function readFromLater(value: unknown): FromLater | null {
  const kind = field(value, "kind", string);
  return isKey(FROM_LATER, kind) ? FROM_LATER[kind](value) : null;
}

function isKey<Table extends object>(table: Table, key: string): key is keyof Table & string {
  return Object.hasOwn(table, key);
}
