import { type HandoverDocument, readDocument } from "./document.ts";
import { Fields, integer, listOf, nullOr, string } from "./read-json.ts";

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

/** Reads a message of an earlier process; null of an unknown kind. Throws a `ShapeError`. */
export function readFromEarlier(value: unknown): FromEarlier | null {
  const fields = new Fields(value);
  const kind = fields.read("kind", string);
  switch (kind) {
    case "document":
      return { kind, document: fields.read("document", readDocument) };
    case "taken":
      return { kind };
    case "open":
      return { kind, connections: fields.read("connections", integer) };
    case "asked":
      return { kind, times: fields.read("times", integer) };
    case "hangup":
      return { kind };
    default:
      return null;
  }
}

/** Reads a message of a later process; null of an unknown kind. Throws a `ShapeError`. */
export function readFromLater(value: unknown): FromLater | null {
  const fields = new Fields(value);
  const kind = fields.read("kind", string);
  switch (kind) {
    case "ready":
      return {
        kind,
        pid: fields.read("pid", integer),
        claimed: fields.read("claimed", listOf(integer)),
      };
    case "failed":
      return { kind, reason: fields.read("reason", string) };
    case "newest":
      return { kind, pid: fields.read("pid", integer) };
    case "stop":
      return { kind, drainTimeout: fields.read("drainTimeout", nullOr(integer)) };
    default:
      return null;
  }
}
