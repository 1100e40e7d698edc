import { PROGRAM } from "../../program/version.ts";
import { type LogEntry, printable, PRIORITIES } from "./line-formats.ts";

// The prefix keeps this program's field names apart from all others (systemd.journal-fields(7)).
const PREFIX = "RELAY_";

// A field name has at most 64 characters (systemd's journal_field_valid()).
const NAME_MOST = 64;

/**
 * Encodes an entry as a datagram of the journal's native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). The field `event` becomes `RELAY_EVENT`, and so
 * on; the relay's name becomes `RELAY_NAME`.
 */
export function encodeJournalEntry({ level, message, relay, fields }: LogEntry): Uint8Array {
  // Each line has the form `NAME=value`. A field whose value has line feeds needs the binary form;
  // fields in this form come after the lines.
  let lines = `PRIORITY=${PRIORITIES[level]}\nSYSLOG_IDENTIFIER=${PROGRAM}\n`;
  const longer: Buffer[] = [];
  const add = (name: string, value: string) => {
    if (value.includes("\n")) longer.push(encodeLines(name, value));
    else lines += `${name}=${value}\n`;
  };
  add("MESSAGE", printable(message));
  if (relay !== "") add(`${PREFIX}NAME`, relay);
  for (const [name, value] of Object.entries(fields)) add(fieldName(name), String(value));
  return longer.length === 0 ? Buffer.from(lines) : Buffer.concat([Buffer.from(lines), ...longer]);
}

function fieldName(name: string): string {
  let known = fieldNames.get(name);
  if (known === undefined) {
    known = (PREFIX + name.toUpperCase().replace(/[^A-Z0-9_]/g, "_")).slice(0, NAME_MOST);
    fieldNames.set(name, known);
  }
  return known;
}

// Maps each field name of this program to its name in the journal. The map stays small, because no
// field name comes from a client.
const fieldNames = new Map<string, string>();

/**
 * Encodes a field in the protocol's binary form: the name, the value's length, and the value, which
 * may have line feeds.
 */
function encodeLines(name: string, value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n")]);
}
