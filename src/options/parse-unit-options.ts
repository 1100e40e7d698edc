import { statSync } from "node:fs";
import { userId } from "../os/user-ids.ts";
import { InvalidValue } from "./invalid-value.ts";
import { quote } from "../address/quote.ts";

// UNIT_NAME_MAX of systemd.
const NAME_MAX = 255;

// systemd.unit(5); a name may also begin with a dash or a dot and have colons, but not without harm:
// to systemctl, ls and systemd-analyze.
/** The names of units and of relays. */
export const UNIT_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.\\-]*@?$/;
const SERVICE_NAME = /^[A-Za-z0-9:_][A-Za-z0-9:_.\\@-]*(?:(?<=@)%i)?(?<!@)\.service$/;
const OTHER_UNIT = /\.(?:socket|target|timer|mount|path|slice|scope|device|swap|automount)$/;

/**
 * Reads the name of a service that runs: no template, but for the instance `%i`. The suffix may be
 * left out, as with systemctl.
 */
export function parseServiceName(text: string): string {
  const name = text.endsWith(".service") || OTHER_UNIT.test(text) ? text : `${text}.service`;
  if (SERVICE_NAME.test(name) && name.length <= NAME_MAX) return name;
  throw new InvalidValue(`${quote(text)} is no service; write NAME.service`);
}

/** Reads the name of units, without the suffix that tells them apart; a template's ends in `@`. */
export function parseUnitName(text: string): string {
  if (/\.(service|socket)$/.test(text))
    throw new InvalidValue(`${quote(text)} has a suffix; the units get theirs by themselves`);
  if (UNIT_NAME.test(text) && text.length <= NAME_MAX - ".service".length) return text;
  throw new InvalidValue(
    `${quote(text)} is no unit's name; it may have ASCII letters, digits, _ and, not first, - . \\, and @ last`,
  );
}

/**
 * Reads the user that a service runs as, by name or number. It need not exist here; root is refused,
 * as a relay has no use for it, and nobody, whom no service should share.
 */
export function parseServiceUser(text: string): string {
  if (!isAccount(text)) throw new InvalidValue(`${quote(text)} is no user's name or number`);
  const id = /^\d+$/.test(text) ? Number(text) : userId(text);
  if (id === 0 || text === "root")
    throw new InvalidValue("a relay needs no root; without --user it gets a user of its own");
  if (id === NOBODY || text === "nobody")
    throw new InvalidValue("nobody is for no service; without --user it gets a user of its own");
  return text;
}

const NOBODY = 65_534;

/** Reads users or groups that a unit names, between commas; they need not exist here. */
export function parseAccounts(text: string): readonly string[] {
  const names = text.split(",");
  const wrong = names.find((name) => !isAccount(name));
  if (wrong === undefined) return names;
  throw new InvalidValue(`${quote(wrong)} is no name or number`);
}

/** Whether a unit can name a user or group so: POSIX's portable names, and numbers. */
export function isAccount(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(text);
}

/** Reads the path of a folder that is there. */
export function parseFolder(text: string): string {
  if (isFolder(text)) return text;
  throw new InvalidValue(`${quote(text)} is no folder`);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Whatever stands in the way of looking stands in the way of writing.
    return false;
  }
}
