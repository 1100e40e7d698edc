import { nearest } from "../options/did-you-mean.ts";
import { InvalidValue } from "../options/invalid-value-error.ts";
import {
  flagOf,
  OPTION_ROWS,
  type OptionName,
  readOption,
  scopesOf,
} from "../options/option-table.ts";
import type { Scope } from "../options/option-row.ts";
import type { Mistakes } from "./config-error.ts";
import type { Position, TomlEntry, TomlTable, TomlValue } from "./toml-tree.ts";

/** An option that the file or the command line sets. */
export interface PlacedOption {
  readonly value: unknown;
  /** The option's value, written as on the command line. */
  readonly shown: string;
  /** The option's place in the file; null if the command line sets the option. */
  readonly at: Position | null;
}

export type PlacedOptions = ReadonlyMap<OptionName, PlacedOption>;

/** The options that a file can have, by their keys. */
const BY_KEY: ReadonlyMap<string, FileOption> = new Map(
  OPTION_ROWS.map(([name, row]) => [flagOf(name), { name, scopes: scopesOf(row) }] as const).filter(
    ([, { scopes }]) => scopes.length > 0,
  ),
);

interface FileOption {
  readonly name: OptionName;
  /** The scopes in which a file may set the option; at least one. */
  readonly scopes: readonly Scope[];
}

export const ADDRESS_KEYS = ["source", "destination"] as const;

/**
 * Reads the options of one scope from a table. Any other key of the table is a mistake unless
 * `others` contains the key.
 */
export function parseOptions(
  table: TomlTable,
  scope: Scope,
  path: readonly string[],
  others: readonly string[],
  mistakes: Mistakes,
): PlacedOptions {
  const given = new Map<OptionName, PlacedOption>();
  for (const [key, entry] of table.entries) {
    if (others.includes(key)) continue;
    const found = BY_KEY.get(key);
    if (found === undefined || !found.scopes.includes(scope)) {
      mistakes.add(entry.at, [...path, key], strayKey(key, scope, others));
    } else {
      const option = readGiven(found.name, entry, [...path, key], mistakes);
      if (option !== null) given.set(found.name, option);
    }
  }
  return given;
}

/** The values of options, for `completeValues`. */
export function valuesOf(given: PlacedOptions): Partial<Record<OptionName, unknown>> {
  return Object.fromEntries([...given].map(([name, { value }]) => [name, value]));
}

function readGiven(
  name: OptionName,
  { at, value }: TomlEntry,
  path: readonly string[],
  mistakes: Mistakes,
): PlacedOption | null {
  if (value.kind !== "value") {
    mistakes.add(at, path, "is an option, not a table");
    return null;
  }
  try {
    return { value: readOption(name, value.value), shown: show(value.value), at };
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    mistakes.add(wrongElement(name, value) ?? value.at, path, error.message);
    return null;
  }
}

/**
 * Returns the place of the first invalid element of a list. Each element is checked alone, as a
 * list of one element. Undefined if each element is valid alone, or if the value is not a list.
 */
function wrongElement(name: OptionName, { value, elements }: TomlValue): Position | undefined {
  if (!Array.isArray(value)) return undefined;
  return elements.find((_, index) => !makesSense(name, [value[index]]));
}

function makesSense(name: OptionName, value: unknown): boolean {
  try {
    readOption(name, value);
    return true;
  } catch (error) {
    if (error instanceof InvalidValue) return false;
    throw error;
  }
}

/** The message about a key that is not an option of this scope. */
function strayKey(key: string, scope: Scope, others: readonly string[]): string {
  if (key === "name" && scope === "relay")
    return "a relay's name is that of its table: [relay.NAME]";
  if (ADDRESS_KEYS.some((address) => address === key))
    return "is each relay's own; write it under [relay.NAME]";
  switch (BY_KEY.get(key)?.scopes[0]) {
    case "process":
      return "concerns the whole process; write it at the top, before the first [table]";
    case "relay":
      return "concerns single relays; write it under [relay.NAME], or under [defaults] for all";
    case undefined: {
      const here = [...BY_KEY]
        .filter(([, { scopes }]) => scopes.includes(scope))
        .map(([known]) => known);
      const meant = nearest(key, [...others, ...here]) ?? nearest(key, [...BY_KEY.keys()]);
      return `there is no such key${meant === undefined ? "" : `; did you mean ${meant}?`}`;
    }
  }
}

/** Returns a value of the file as text, in the form of the command line. */
function show(value: unknown): string {
  return Array.isArray(value) ? value.map(show).join(",") : String(value);
}
