import { type Cidr, CidrError, parseCidr } from "../address/cidr.ts";
import { INT_MAX } from "../os/int-max.ts";
import { nearest } from "./did-you-mean.ts";
import { InvalidValue, show } from "./invalid-value-error.ts";
import { quote } from "../address/quote-word.ts";
import { parseSize, takeSize } from "./parse-size.ts";
import { parseTime, takeTime, type TimeRange } from "./parse-time.ts";

/**
 * A type of values, with a function for each place where a user can write an option's value. A
 * value means the same in all places. Each function throws `InvalidValue` for a value that is not
 * valid.
 */
export interface ValueType<Value> {
  /** The name of a value in help, such as `TIME`. */
  readonly metavar: string;
  /** Reads the text of a value on the command line. */
  readonly parse: (text: string) => Value;
  /** Reads a value of a configuration file, as the TOML parser returns the value. */
  readonly read: (written: unknown) => Value;
  /** The JSON Schema of the values that `read` accepts. */
  readonly schema: ValueSchema;
  /**
   * Set for a list. On the command line, commas separate the values, and the option may be
   * repeated.
   */
  readonly isList?: true;
}

/** A type of value that a program can pass to the library as well. */
export interface LibraryType<Value> extends ValueType<Value> {
  /** Checks a value that a program passes. */
  readonly take: (value: unknown) => Value;
}

/** The part of JSON Schema that describes one value (draft 7). */
export interface ValueSchema {
  readonly type?: "string" | "integer" | "boolean" | "array";
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: ValueSchema;
  readonly minItems?: number;
  readonly anyOf?: readonly ValueSchema[];
}

/**
 * The type of a value that is written as text; in a configuration file the text stands in quotes.
 * Messages show `example`.
 */
export function text<Value>(
  metavar: string,
  parse: (text: string) => Value,
  example: string,
  pattern?: string,
): ValueType<Value> {
  return {
    metavar,
    parse,
    read(written) {
      if (typeof written === "string") return parse(written);
      throw new InvalidValue(`${show(written)} is not text; write it in quotes, like "${example}"`);
    },
    schema: { type: "string", ...(pattern !== undefined && { pattern }) },
  };
}

/** The type of a time. Users write `5s`; programs pass milliseconds. */
export function time(range: TimeRange): LibraryType<number> {
  return {
    ...text(
      "TIME",
      (written) => parseTime(written, range),
      "5s",
      "^[0-9]+([.][0-9]+)?(ms|s|min|h)?$",
    ),
    take: (value) => takeTime(value, range),
  };
}

/** The type of a size in bytes. Users write `64M`; programs pass a number of bytes. */
export function size(least: number): LibraryType<number> {
  return {
    metavar: "SIZE",
    parse: (written) => parseSize(written, least),
    read: (written) =>
      typeof written === "string" ? parseSize(written, least) : takeSize(written, least),
    take: (value) => takeSize(value, least),
    schema: {
      anyOf: [
        { type: "string", pattern: "^[0-9]+[KMGT]?$" },
        { type: "integer", minimum: least },
      ],
    },
  };
}

/** The type of a whole number from `least` to `most`. */
export function count(metavar: string, least: number, most = INT_MAX): LibraryType<number> {
  const check = (value: unknown, shown: string) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most)
      return value;
    throw new InvalidValue(`${shown} is not a number from ${least} to ${most}`);
  };
  const take = (value: unknown) => {
    if (typeof value === "string" && /^\d+$/.test(value))
      throw new InvalidValue(`${show(value)} is text; write ${value} without quotes`);
    return check(value, show(value));
  };
  return {
    metavar,
    parse: (written) => check(/^\d+$/.test(written) ? Number(written) : undefined, quote(written)),
    read: take,
    take,
    schema: { type: "integer", minimum: least, maximum: most },
  };
}

/** The type of a value that must be one word of `choices`. */
export function choice<Value extends string>(
  metavar: string,
  choices: readonly Value[],
): LibraryType<Value> {
  const take = (value: unknown) => {
    const chosen = choices.find((known) => known === value);
    if (chosen !== undefined) return chosen;
    const meant = typeof value === "string" ? nearest(value, choices) : undefined;
    throw new InvalidValue(
      `${show(value)} is not one of ${choices.join(", ")}` +
        (meant === undefined ? "" : `; did you mean ${meant}?`),
    );
  };
  return { metavar, parse: take, read: take, take, schema: { enum: choices } };
}

/** The type of a whole number, or `word` in place of a number. */
export function countOr<Word extends string>(
  word: Word,
  least: number,
  most: number,
): LibraryType<number | Word> {
  const number = count("N", least, most);
  const explain = (value: unknown, take: () => number) => {
    if (value === word) return word;
    try {
      return take();
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error;
      throw new InvalidValue(`${error.message}; or say ${word}`, { cause: error });
    }
  };
  const take = (value: unknown) => explain(value, () => number.take(value));
  return {
    metavar: `N|${word}`,
    parse: (written) => explain(written, () => number.parse(written)),
    read: take,
    take,
    schema: { anyOf: [number.schema, { enum: [word] }] },
  };
}

/**
 * The type of a list of values. A configuration file has a TOML list; on the command line, commas
 * separate the values.
 */
export function list<Value>(item: LibraryType<Value>): LibraryType<readonly Value[]> {
  const each = (values: unknown, take: (value: unknown) => Value) => {
    if (!Array.isArray(values))
      throw new InvalidValue(`${show(values)} is not a list; write [ ] around it`);
    return values.map((value) => take(value));
  };
  return {
    metavar: item.metavar,
    isList: true,
    parse(written) {
      const items = written.split(",");
      if (items.includes("")) throw new InvalidValue(`${quote(written)} has an empty entry`);
      return items.map(item.parse);
    },
    read(written) {
      // Refuse an empty list in a file: a command line cannot contain one either, and an empty list
      // of allowed clients would refuse everybody.
      if (Array.isArray(written) && written.length === 0)
        throw new InvalidValue("the list is empty; leave the option out");
      return each(written, item.read);
    },
    take: (value) => each(value, item.take),
    schema: { type: "array", items: item.schema, minItems: 1 },
  };
}

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

/** The type of a value that is true or false. */
export function yesOrNo(): Omit<LibraryType<boolean>, "metavar" | "parse"> {
  const take = (value: unknown) => {
    if (typeof value === "boolean") return value;
    if (value === "true" || value === "false")
      throw new InvalidValue(`${show(value)} is text; write ${value} without quotes`);
    throw new InvalidValue(`${show(value)} is neither true nor false`);
  };
  return { read: take, take, schema: { type: "boolean" } };
}
