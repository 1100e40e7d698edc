import { statSync } from "node:fs";
import { userId } from "../os/user-ids.ts";
import { InvalidValue } from "./invalid-value-error.ts";
import { quote } from "../address/quote-word.ts";

// The maximum length of a unit's name. A name must be shorter than systemd's UNIT_NAME_MAX, which
// is 256.
const NAME_MAX = 255;

// systemd.unit(5) also allows colons, and a dash or a dot at the beginning. This program refuses
// them, because they confuse systemctl, ls and systemd-analyze.
/** The pattern of valid names of units and relays. */
export const UNIT_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.\\-]*@?$/;
const SERVICE_NAME = /^[A-Za-z0-9:_][A-Za-z0-9:_.\\@-]*(?:(?<=@)%i)?(?<!@)\.service$/;
const OTHER_UNIT = /\.(?:socket|target|timer|mount|path|slice|scope|device|swap|automount)$/;

/**
 * Reads the name of a service. A template (`NAME@`) is refused, because only its instances run. An
 * instance is allowed: `NAME@INSTANCE`, or `NAME@%i`, in which systemd replaces `%i` by the
 * instance of the relay's own unit. The suffix `.service` may be left out, as with systemctl.
 */
export function parseServiceName(text: string): string {
  const name = text.endsWith(".service") || OTHER_UNIT.test(text) ? text : `${text}.service`;
  if (SERVICE_NAME.test(name) && name.length <= NAME_MAX) return name;
  throw new InvalidValue(`${quote(text)} is not a service; write NAME.service`);
}

/**
 * Reads the name that all units of a relay share, without a suffix. A template's name ends in `@`.
 */
export function parseUnitName(text: string): string {
  if (/\.(service|socket)$/.test(text))
    throw new InvalidValue(`${quote(text)} has a suffix; leave it out, each unit gets its own`);
  if (UNIT_NAME.test(text) && text.length <= NAME_MAX - ".service".length) return text;
  throw new InvalidValue(
    `${quote(text)} is not a unit name; use ASCII letters, digits and _, then also - . \\, and at the end @`,
  );
}

/**
 * Reads the user that a service runs as, by name or number. The user need not exist on this
 * machine. `root` is refused, because a relay does not need the rights of root. `nobody` is
 * refused, because services should not share a user.
 */
export function parseServiceUser(text: string): string {
  if (!isAccount(text)) throw new InvalidValue(`${quote(text)} is not a user's name or number`);
  const id = /^\d+$/.test(text) ? Number(text) : userId(text);
  if (id === 0 || text === "root")
    throw new InvalidValue("a relay does not need root; without --user it gets a user of its own");
  if (id === NOBODY || text === "nobody")
    throw new InvalidValue(
      "no service should run as nobody; without --user the relay gets a user of its own",
    );
  return text;
}

const NOBODY = 65_534;

/**
 * Reads users or groups for a unit, separated by commas. The users or groups need not exist on this
 * machine.
 */
export function parseAccounts(text: string): readonly string[] {
  const names = text.split(",");
  const wrong = names.find((name) => !isAccount(name));
  if (wrong === undefined) return names;
  throw new InvalidValue(`${quote(wrong)} is not a name or number`);
}

/**
 * Whether a text can name a user or group in a unit: a portable name as POSIX defines it, or a
 * number.
 */
export function isAccount(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text);
}

/** Reads the path of an existing folder. */
export function parseFolder(text: string): string {
  if (isFolder(text)) return text;
  throw new InvalidValue(`${quote(text)} is not a folder`);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // If this process cannot inspect the folder, it cannot write files into the folder either.
    return false;
  }
}
