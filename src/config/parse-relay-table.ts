import {
  ADDRESS_FORMS,
  AddressError,
  type Endpoint,
  parseAddress,
  type Role,
  type SocketEndpoint,
} from "../address/address.ts";
import { contradictions, type RelatedOption } from "../options/contradicting-options.ts";
import { findMisfits } from "../options/check-source-options.ts";
import { InvalidValue, show } from "../options/invalid-value-error.ts";
import { completeValues, flagOf, isOfFile, showOptions } from "../options/option-table.ts";
import { parseUnitName } from "../options/parse-systemd-unit-options.ts";
import type { RelaySettings } from "../process/process-plan.ts";
import type { Mistakes } from "./config-error.ts";
import { relaySettings } from "./options-to-plan.ts";
import {
  ADDRESS_KEYS,
  type PlacedOptions,
  parseOptions,
  valuesOf,
} from "./parse-options-and-unknown-keys.ts";
import type { Position, TomlEntry, TomlTable } from "./toml-tree.ts";

/**
 * A relay of a file, with the places of its addresses and its capture. An address that is missing
 * or wrong is null.
 */
export interface PlacedRelay {
  readonly name: string;
  readonly source: PlacedAddress<Endpoint> | null;
  readonly destination: PlacedAddress<SocketEndpoint> | null;
  /** The place of the option `capture`; the place of `source` if `[defaults]` sets it. */
  readonly captureAt: Position;
  readonly settings: RelaySettings;
  readonly shownOptions: Readonly<Record<string, string>>;
}

export interface PlacedAddress<Address> {
  readonly endpoint: Address;
  readonly at: Position;
}

/** The options that are set outside the tables `[relay.NAME]`. */
export interface SharedOptions {
  /** The options of the whole process, from the file and the command line. */
  readonly processWide: PlacedOptions;
  /** The options of `[defaults]`; a relay's own options override them. */
  readonly defaults: PlacedOptions;
}

/** Reads `[relay.NAME]`; null if `relay.NAME` is not a table. */
export function parseRelayTable(
  name: string,
  { at, value }: TomlEntry,
  shared: SharedOptions,
  mistakes: Mistakes,
): PlacedRelay | null {
  const path = ["relay", name];
  if (value.kind !== "table") {
    const isAddress = ADDRESS_KEYS.some((key) => key === name);
    const header = isAddress ? "[relay.NAME]" : `[relay.${name}]`;
    mistakes.add(at, path, `a relay is a table with a name; write ${header}`);
    return null;
  }
  checkName(name, at, mistakes);
  const own = parseOptions(value, "relay", path, ADDRESS_KEYS, mistakes);
  const source = readAddress("source", value, path, mistakes);
  const destination = readAddress("destination", value, path, mistakes);
  if (source !== null)
    checkFit(
      own,
      shared.defaults,
      { source, destination: destination?.endpoint ?? null },
      path,
      mistakes,
    );
  const options = new Map([...shared.defaults, ...own]);
  return {
    ...{ name, source, destination },
    captureAt: own.get("capture")?.at ?? source?.at ?? at,
    settings: relaySettings(completeValues(valuesOf(options))),
    shownOptions: showOptions(
      isOfFile,
      (option) => (options.get(option) ?? shared.processWide.get(option))?.shown,
    ),
  };
}

function checkName(name: string, at: Position, mistakes: Mistakes): void {
  try {
    parseUnitName(name);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    mistakes.add(
      at,
      ["relay", name],
      `a relay's name must be valid as a unit's name: ${error.message}`,
    );
  }
}

function readAddress(
  key: "destination",
  ...rest: readonly [table: TomlTable, path: readonly string[], mistakes: Mistakes]
): PlacedAddress<SocketEndpoint> | null;
function readAddress(
  key: Role,
  ...rest: readonly [table: TomlTable, path: readonly string[], mistakes: Mistakes]
): PlacedAddress<Endpoint> | null;
function readAddress(
  key: Role,
  ...[table, path, mistakes]: readonly [TomlTable, readonly string[], Mistakes]
): PlacedAddress<Endpoint> | null {
  const value = table.entries.get(key)?.value;
  if (value === undefined) {
    mistakes.add(table.at, path, `lacks its ${key}`);
    return null;
  }
  const { at } = value;
  if (value.kind !== "value" || typeof value.value !== "string") {
    const shown = value.kind === "value" ? show(value.value) : "a table";
    mistakes.add(at, [...path, key], `${shown} is not an address; an address is ${ADDRESS_FORMS}`);
    return null;
  }
  try {
    return { endpoint: parseAddress(value.value, key), at };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    mistakes.add(at, [...path, key], error.withForms);
    return null;
  }
}

/**
 * Finds options that make no sense for the source, and options that contradict each other. Checks
 * the relay's own options and the options of `[defaults]`.
 */
function checkFit(
  own: PlacedOptions,
  defaults: PlacedOptions,
  {
    source,
    destination,
  }: { readonly source: PlacedAddress<Endpoint>; readonly destination: SocketEndpoint | null },
  path: readonly string[],
  mistakes: Mistakes,
): void {
  const options = valuesOf(new Map([...defaults, ...own]));
  for (const { name, needs } of findMisfits(options, source.endpoint)) {
    const given = own.get(name);
    if (given !== undefined)
      mistakes.add(
        given.at ?? source.at,
        [...path, flagOf(name)],
        `makes sense only if source is ${needs}`,
      );
    else
      mistakes.add(
        source.at,
        path,
        `${flagOf(name)}, of [defaults], makes sense only if source is ${needs}; ` +
          "write it under the relays that need it",
      );
  }
  const settings = relaySettings(completeValues(options));
  const isWrong = (name: RelatedOption) =>
    [path, ["defaults"]].some((table) => mistakes.has([...table, flagOf(name)]));
  for (const { name, reason, missing } of contradictions(
    settings,
    { source: source.endpoint, destination },
    flagOf,
  )) {
    // An option with a wrong value is not missing, and its mistake was added already.
    if (missing !== undefined && isWrong(missing)) continue;
    mistakes.add(own.get(name)?.at ?? source.at, [...path, flagOf(name)], reason);
  }
}
