import { PROGRAM } from "../../version.ts";
import { type LogEntry, printable, PRIORITIES } from "./line-formats.ts";

// Names of this program's fields begin so, that they are nobody else's (systemd.journal-fields(7)).
const PREFIX = "RELAY_";

// A field name has at most 64 characters (systemd's journal_field_valid()).
const NAME_MOST = 64;

/**
 * An entry as a datagram of the journal's native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): `event` becomes `RELAY_EVENT`, and so on; the
 * relay's name becomes `RELAY_NAME`.
 */
export function encodeJournalEntry({ level, message, relay, fields }: LogEntry): Uint8Array {
  // Each line is `NAME=value`. Values of several lines have another form, and come last.
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

// The names of fields are this program's own, so there are few.
const fieldNames = new Map<string, string>();

/** The name, the value's length and the value: a value may have line feeds. */
function encodeLines(name: string, value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n")]);
}
