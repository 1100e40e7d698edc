import { resolve } from "node:path";
import {
  type Endpoint,
  isSameAddress,
  printAddress,
  type SocketEndpoint,
} from "../address/address.ts";
import type { Mistakes } from "./config-error.ts";
import type { PlacedRelay } from "./read-relay.ts";
import type { Position } from "./toml-tree.ts";

/** An address that the process itself listens on, beside the relays' sources. */
export interface OwnListener {
  /** Its key at the top of the file. */
  readonly key: string;
  readonly endpoint: SocketEndpoint;
  readonly at: Position;
}

/**
 * Finds addresses of a file that do not go together: two listeners on one address, and relays that
 * would only talk to themselves or to each other.
 */
export function findClashes(
  relays: readonly PlacedRelay[],
  others: readonly OwnListener[],
  mistakes: Mistakes,
): void {
  for (const [index, relay] of relays.entries()) {
    findTwin(relay, relays.slice(0, index), mistakes);
    findLoop(relay, relays, others, mistakes);
  }
  for (const [index, { key, endpoint, at }] of others.entries()) {
    const other = others.slice(0, index).find((before) => isSameSource(before.endpoint, endpoint));
    if (other !== undefined) mistakes.add(at, [key], `is the address of ${other.key} as well`);
    const twin = relays.find(
      ({ source }) => source !== null && isSameSource(source.endpoint, endpoint),
    );
    if (twin !== undefined) mistakes.add(at, [key], `is the source of relay ${twin.name}`);
  }
}

function findTwin(
  { name, source }: PlacedRelay,
  before: readonly PlacedRelay[],
  mistakes: Mistakes,
): void {
  if (source === null) return;
  const twin = before.find(
    (other) => other.source && isSameSource(other.source.endpoint, source.endpoint),
  );
  if (twin === undefined) return;
  const words = `is the source of relay ${twin.name} as well${mend(source.endpoint)}`;
  mistakes.add(source.at, ["relay", name, "source"], words);
}

function findLoop(
  relay: PlacedRelay,
  relays: readonly PlacedRelay[],
  others: readonly OwnListener[],
  mistakes: Mistakes,
): void {
  const { name, destination } = relay;
  if (destination === null) return;
  const add = (words: string) =>
    mistakes.add(destination.at, ["relay", name, "destination"], words);
  for (const { key, endpoint } of others)
    if (isSameAddress(endpoint, destination.endpoint)) add(`is where ${key} listens`);
  const loop = loopOf(relay, relays);
  if (loop?.length === 1) add("is its source: the relay would only talk to itself");
  else if (loop !== null) add(`leads back to its source: ${[...loop, name].join(" to ")}`);
}

function mend(source: Endpoint): string {
  if (source.kind === "systemd" && source.name === "")
    return "; name the sockets: systemd:NAME (FileDescriptorName=)";
  return "";
}

/**
 * The names of the relays through which a connection to this one comes back to it, this one first;
 * null if it does not. Of several relays in a loop only the first of the file has one.
 */
function loopOf(first: PlacedRelay, relays: readonly PlacedRelay[]): readonly string[] | null {
  const loop: PlacedRelay[] = [];
  let relay: PlacedRelay | undefined = first;
  while (relay !== undefined && !loop.includes(relay)) {
    loop.push(relay);
    relay = nextOf(relay, relays);
  }
  if (relay !== first || relays.find((each) => loop.includes(each)) !== first) return null;
  return loop.map(({ name }) => name);
}

/** The relay whose source is this one's destination. */
function nextOf(
  { destination }: PlacedRelay,
  relays: readonly PlacedRelay[],
): PlacedRelay | undefined {
  if (destination === null) return undefined;
  return relays.find(
    ({ source }) => source && isSameAddress(source.endpoint, destination.endpoint),
  );
}

/** Whether two listeners want one address. */
function isSameSource(one: Endpoint, other: Endpoint): boolean {
  if (one.kind === "tcp" && other.kind === "tcp") {
    // Port 0 is another one each time.
    if (one.port !== other.port || one.port === 0) return false;
    return one.host === other.host || one.host === "" || other.host === "";
  }
  if (one.kind === "unix" && other.kind === "unix")
    return resolve(one.path) === resolve(other.path);
  return printAddress(one) === printAddress(other);
}
