import { INT_MAX } from "../os/int-max.ts";
import { nearest } from "./did-you-mean.ts";
import { InvalidValue, show } from "./invalid-value-error.ts";
import { quote } from "../address/quote-word.ts";
import { parseSize, takeSize } from "./parse-size.ts";
import { parseTime, takeTime, type TimeRange } from "./parse-time.ts";

/**
 * The type of an option's value. `parse` reads the value on the command line, and `read` reads the
 * value in a configuration file; the same value means the same in both. Each function throws
 * `InvalidValue` for a value that is not valid.
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

/** The part of JSON Schema (draft 7) that describes one value. */
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
 * The message about missing quotes shows `example`.
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
      // Refuse an empty list in a file, because an empty list of allowed clients would refuse
      // everybody. The command line cannot express an empty list either.
      if (Array.isArray(written) && written.length === 0)
        throw new InvalidValue("the list is empty; leave the option out");
      return each(written, item.read);
    },
    take: (value) => each(value, item.take),
    schema: { type: "array", items: item.schema, minItems: 1 },
  };
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
