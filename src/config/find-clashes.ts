import {
  type Endpoint,
  inNetwork,
  isSameAddress,
  type SocketEndpoint,
} from "../address/address.ts";
import { canonicalPath } from "../os/canonical-path.ts";
import type { Mistakes } from "./config-error.ts";
import type { PlacedRelay } from "./parse-relay-table.ts";
import { isSameSource, searchKeyOf } from "../address/is-same-source.ts";
import type { Position } from "./toml-tree.ts";

/** An address that the process itself listens on, besides the relays' sources. */
export interface OwnListener {
  /** The option that sets the address: `admin` or `metrics`. */
  readonly key: string;
  readonly endpoint: SocketEndpoint;
  readonly at: Position;
}

/**
 * Finds conflicts in a file: two listeners on one address, relays that would connect to themselves,
 * to the admin or metrics server, or in a loop, and relays with the same capture file.
 */
export function findClashes(
  placed: readonly PlacedRelay[],
  others: readonly OwnListener[],
  mistakes: Mistakes,
): void {
  const relays = placed.map(inNetworks);
  const sources = new Sources();
  for (const relay of relays) {
    findTwin(relay, sources, mistakes);
    sources.add(relay);
  }
  findSharedCaptures(placed, mistakes);
  for (const relay of relays) findLoop(relay, sources, others, mistakes);
  for (const [index, { key, endpoint, at }] of others.entries()) {
    const other = others.slice(0, index).find((before) => isSameSource(before.endpoint, endpoint));
    if (other !== undefined) mistakes.add(at, [key], `is the address of ${other.key} as well`);
    const twin = sources.find(endpoint, isSameSource);
    if (twin !== undefined) mistakes.add(at, [key], `is the source of relay ${twin.name}`);
  }
}

/** Finds relays that would write to the same capture file. */
function findSharedCaptures(relays: readonly PlacedRelay[], mistakes: Mistakes): void {
  const owners = new Map<string, string>();
  for (const { name, captureAt, settings } of relays) {
    if (settings.capture === undefined) continue;
    const path = canonicalPath(settings.capture);
    const owner = owners.get(path);
    if (owner === undefined) owners.set(path, name);
    else
      mistakes.add(captureAt, ["relay", name, "capture"], `is the file of relay ${owner} as well`);
  }
}

/** A copy of a relay with the network namespaces in its addresses, for comparisons. */
function inNetworks(relay: PlacedRelay): PlacedRelay {
  const { source, destination, settings } = relay;
  const { sourceNetns, destinationNetns } = settings;
  return {
    ...relay,
    source: source && { ...source, endpoint: inNetwork(source.endpoint, sourceNetns) },
    destination: destination && {
      ...destination,
      endpoint: inNetwork(destination.endpoint, destinationNetns),
    },
  };
}

/** The relays in the order of the file, indexed by their sources. */
class Sources {
  readonly #byPlace = new Map<string, PlacedRelay[]>();

  add(relay: PlacedRelay): void {
    if (relay.source === null) return;
    const place = searchKeyOf(relay.source.endpoint);
    this.#byPlace.set(place, [...(this.#byPlace.get(place) ?? []), relay]);
  }

  /**
   * The first relay whose source has the same key (`searchKeyOf`) as `endpoint`, and for whose
   * source `matches` returns true.
   */
  find(
    endpoint: Endpoint,
    matches: (source: Endpoint, endpoint: Endpoint) => boolean,
  ): PlacedRelay | undefined {
    return this.#byPlace
      .get(searchKeyOf(endpoint))
      ?.find(({ source }) => source !== null && matches(source.endpoint, endpoint));
  }
}

function findTwin({ name, source }: PlacedRelay, before: Sources, mistakes: Mistakes): void {
  if (source === null) return;
  const twin = before.find(source.endpoint, isSameSource);
  if (twin === undefined) return;
  const words = `is the source of relay ${twin.name} as well${howToFix(source.endpoint)}`;
  mistakes.add(source.at, ["relay", name, "source"], words);
}

function findLoop(
  relay: PlacedRelay,
  sources: Sources,
  others: readonly OwnListener[],
  mistakes: Mistakes,
): void {
  const { name, destination } = relay;
  if (destination === null) return;
  const add = (words: string) =>
    mistakes.add(destination.at, ["relay", name, "destination"], words);
  for (const { key, endpoint } of others)
    if (isSameAddress(endpoint, destination.endpoint)) add(`is where ${key} listens`);
  const loop = loopOf(relay, sources);
  if (loop.length === 1) add("is its source: the relay would only talk to itself");
  else if (loop.length > 1) add(`leads back to its source: ${[...loop, name].join(" to ")}`);
}

function howToFix(source: Endpoint): string {
  if (source.kind === "systemd" && source.name === "")
    return "; name the sockets: systemd:NAME (FileDescriptorName=)";
  return "";
}

/**
 * The names of the relays on a loop that leads from the relay `first` back to `first`; the name of
 * `first` comes first. Empty if there is no loop, or if another relay of the loop comes before
 * `first` in the alphabet. So each loop is found only once.
 */
function loopOf(first: PlacedRelay, sources: Sources): readonly string[] {
  const loop: PlacedRelay[] = [];
  let relay: PlacedRelay | undefined = first;
  while (relay !== undefined && !loop.includes(relay)) {
    loop.push(relay);
    const { destination }: PlacedRelay = relay;
    relay = destination === null ? undefined : sources.find(destination.endpoint, isSameAddress);
  }
  const names = loop.map(({ name }) => name);
  const isFirst = names.every((name) => name >= first.name);
  return relay === first && isFirst ? names : [];
}
