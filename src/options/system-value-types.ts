import { quote } from "../address/quote-word.ts";
import { type Cidr, CidrError, parseCidr } from "../address/cidr.ts";
import { InvalidValue, show } from "./invalid-value-error.ts";
import { type LibraryType, text } from "./value-types.ts";

/** The type of a file's permissions. Users write octal digits; programs pass a number. */
export function mode(): LibraryType<number> {
  return {
    ...text("MODE", parseMode, "0660", "^0*[0-7]{1,3}$"),
    take(value) {
      if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0o777)
        return value;
      throw new InvalidValue(`${show(value)} is not a mode from 0 to 0o777`);
    },
  };
}

function parseMode(written: string): number {
  if (!/^0*[0-7]{1,3}$/.test(written))
    throw new InvalidValue(
      `${quote(written)} is not a mode; write octal digits from 0 to 0777, like 0660`,
    );
  return Number.parseInt(written, 8);
}

// The greatest user or group id. For chown(2), 2³² - 1 means "do not change".
const ID_MAX = 2 ** 32 - 2;

/**
 * The type of a user or group of the system. Users write a name or a number; programs pass a
 * number.
 */
export function account(
  what: "user" | "group",
  find: (name: string) => number | undefined,
): LibraryType<number> {
  const take = (value: unknown) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= ID_MAX)
      return value;
    throw new InvalidValue(`${show(value)} is not a ${what} id; the largest is ${ID_MAX}`);
  };
  const parse = (written: string) => {
    if (/^\d+$/.test(written)) return take(Number(written));
    const id = find(written);
    if (id === undefined) throw new InvalidValue(`this system knows no ${what} ${quote(written)}`);
    return id;
  };
  return {
    metavar: what.toUpperCase(),
    parse,
    read: (written) => (typeof written === "string" ? parse(written) : take(written)),
    take,
    schema: {
      anyOf: [{ type: "string" }, { type: "integer", minimum: 0, maximum: ID_MAX }],
    },
  };
}

/** The type of the path of a file. */
export function file(): LibraryType<string> {
  return {
    ...text("FILE", parseFile, "app.pcapng"),
    take(value) {
      if (typeof value === "string") return parseFile(value);
      throw new InvalidValue(`${show(value)} is not the path of a file`);
    },
  };
}

function parseFile(written: string): string {
  if (/^[^\0]{1,4095}$/.test(written) && !written.endsWith("/") && written !== "-") return written;
  throw new InvalidValue(`${quote(written)} is not the path of a file`);
}

/** The type of a network namespace: its name, or the path of its file. */
export function netns(): LibraryType<string> {
  const parsed = text("NETNS", parseNetns, "vpn");
  return {
    ...parsed,
    take(value) {
      if (typeof value === "string") return parseNetns(value);
      throw new InvalidValue(`${show(value)} is not the name or path of a network namespace`);
    },
  };
}

function parseNetns(written: string): string {
  // ip-netns(8) makes a file with the name of the namespace, so a name must be valid for a file.
  const isPath = written.startsWith("/");
  const isName = /^[^/\s\0]{1,255}$/.test(written) && written !== "." && written !== "..";
  if ((isPath || isName) && !written.includes("\0")) return written;
  throw new InvalidValue(
    `${quote(written)} is not a network namespace; write a name of ip netns list, or an absolute ` +
      "path like /proc/PID/ns/net",
  );
}

/** The type of a range of IP addresses. A program may also pass a parsed range. */
export function cidr(): LibraryType<Cidr> {
  const parsed = text("CIDR", parseRange, "10.0.0.0/8");
  return {
    ...parsed,
    take(value) {
      if (typeof value === "string") return parseRange(value);
      if (isCidr(value)) return parseRange(`${value.network}/${value.prefix}`);
      throw new InvalidValue(`${show(value)} is not a range; write "10.0.0.0/8"`);
    },
  };
}

function isCidr(value: unknown): value is Pick<Cidr, "network" | "prefix"> {
  return typeof value === "object" && value !== null && "network" in value && "prefix" in value;
}

function parseRange(written: string): Cidr {
  try {
    return parseCidr(written);
  } catch (error) {
    if (!(error instanceof CidrError)) throw error;
    throw new InvalidValue(`${quote(error.text)} ${error.reason}`, { cause: error });
  }
}
