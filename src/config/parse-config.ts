import { adminMisfit } from "../options/check-admin-options.ts";
import { completeValues, flagOf, type OptionName } from "../options/option-table.ts";
import type { ProcessPlan, RelayPlan } from "../process/process-plan.ts";
import { ConfigError, Mistakes } from "./config-error.ts";
import { findClashes, type OwnListener } from "./find-clashes.ts";
import { processWide } from "./options-to-plan.ts";
import { quoteHint } from "./quote-hint.ts";
import { type PlacedOptions, parseOptions, valuesOf } from "./parse-options-and-unknown-keys.ts";
import { type PlacedRelay, parseRelayTable } from "./parse-relay-table.ts";
import { parseToml, TomlError, type TomlTable } from "./toml-tree.ts";

/** The plan of a configuration file, and the names of the process-wide options that were set. */
export interface ConfigPlan extends ProcessPlan {
  /** The names of the process-wide options that the file or the command line sets. */
  readonly chosen: ReadonlySet<OptionName>;
}

const TABLES = ["defaults", "relay"] as const;

/**
 * Reads the text of a configuration file. Does not open the files and sockets that the text names.
 *
 * @param file - the file's name, for messages
 * @param overrides - process-wide options from the command line; they override the file's options
 * @throws {ConfigError} with all mistakes; with only the first mistake if the text is not TOML
 */
export function parseConfig(
  file: string,
  text: string,
  overrides: PlacedOptions = new Map(),
): ConfigPlan {
  const mistakes = new Mistakes();
  const root = parse(file, text);
  const own = parseOptions(root, "process", [], TABLES, mistakes);
  const given: PlacedOptions = new Map([...own, ...overrides]);
  const shared = { processWide: given, defaults: readDefaults(root, mistakes) };
  const relays = [...tableOf(root, "relay", mistakes)].flatMap(
    ([name, entry]) => parseRelayTable(name, entry, shared, mistakes) ?? [],
  );
  if (!root.entries.has("relay"))
    mistakes.add(root.at, [], "there is no relay; write [relay.NAME] with source and destination");
  const wide = processWide(completeValues(valuesOf(given)));
  const misfit = adminMisfit(wide);
  if (misfit !== undefined)
    mistakes.add(
      given.get(misfit)?.at ?? root.at,
      [flagOf(misfit)],
      "makes sense only if admin is a Unix socket's path",
    );
  findClashes(relays, ownListeners(wide, given, root), mistakes);
  if (mistakes.all.length > 0) throw new ConfigError(file, mistakes.all);
  return {
    processWide: wide,
    relays: relays.flatMap((relay) => planOf(relay) ?? []),
    chosen: new Set(given.keys()),
  };
}

/**
 * The plan of one relay; null if an address is missing or wrong. In this case `parseRelayTable` has
 * already added the mistake.
 */
function planOf({ name, settings, shownOptions, ...ends }: PlacedRelay): RelayPlan | null {
  const { source, destination } = ends;
  if (source === null || destination === null) return null;
  return {
    ...{ name, source: source.endpoint, destination: destination.endpoint },
    ...{ settings, shownOptions },
  };
}

function parse(file: string, text: string): TomlTable {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { at, message } = error;
    // Report only this mistake, because the parser cannot continue after a mistake of syntax.
    const words = `this is not TOML: ${message}${quoteHint(text, at)}; the file was not checked further`;
    throw new ConfigError(file, [{ at, key: "", message: words }]);
  }
}

function readDefaults(root: TomlTable, mistakes: Mistakes): PlacedOptions {
  const entries = tableOf(root, "defaults", mistakes);
  return parseOptions({ kind: "table", at: root.at, entries }, "relay", ["defaults"], [], mistakes);
}

/** The entries of a table at the top of the file; empty if the table is absent. */
function tableOf(
  root: TomlTable,
  name: (typeof TABLES)[number],
  mistakes: Mistakes,
): TomlTable["entries"] {
  const entry = root.entries.get(name);
  if (entry === undefined) return new Map();
  if (entry.value.kind === "table") return entry.value.entries;
  const header = name === "relay" ? "[relay.NAME]" : `[${name}]`;
  mistakes.add(entry.at, [name], `must be a table; write ${header}`);
  return new Map();
}

function ownListeners(
  { admin, metrics }: ProcessPlan["processWide"],
  given: PlacedOptions,
  root: TomlTable,
): OwnListener[] {
  return [
    { key: "admin", endpoint: admin } as const,
    { key: "metrics", endpoint: metrics } as const,
  ].flatMap(({ key, endpoint }) => {
    const at = given.get(key)?.at ?? root.at;
    return endpoint === undefined ? [] : [{ key, endpoint, at }];
  });
}
