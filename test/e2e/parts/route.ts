import { expect } from "bun:test";
import { access, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseAddress } from "../../../src/address/address.ts";
import { startRelay } from "../../support/process/executable.ts";
import { descriptors, eventually, type PartServer } from "./support.ts";

/** The ways from a client through the executable to a server. */
export const ROUTES = ["Unix in, TCP out", "TCP in, Unix out", "TCP to Unix to TCP"] as const;

export type Route = (typeof ROUTES)[number];

/** Where the client connects: the first relay's source. */
export type Entry =
  | { readonly kind: "unix"; readonly path: string; readonly folder: string }
  | { readonly kind: "tcp"; readonly port: number };

type Relay = Awaited<ReturnType<typeof startRelay>>;

/**
 * Builds the relays of a route, lets `use` talk through them, and then looks that nothing is left:
 * the relays hold the descriptors that they held before, end with 0 when asked to, and take their
 * Unix sockets with them.
 *
 * @param socketName - how a Unix source is to be called, where a client insists on a name
 */
export async function throughRelays(
  route: Route,
  server: PartServer,
  parent: string,
  use: (entry: Entry) => Promise<void>,
  socketName = "socket",
): Promise<void> {
  const folder = await mkdtemp(join(parent, "route-"));
  const path = join(folder, socketName);
  const started: Relay[] = [];
  const start = async (source: string, destination: string) => {
    const relay = await startRelay([source, destination]);
    started.push(relay);
    return relay;
  };
  try {
    const entry = await build(route, server, folder, path, start);
    const before = await Promise.all(started.map((relay) => descriptors(relay.pid)));
    await use(entry);
    for (const [index, relay] of started.entries())
      await sameDescriptors(relay.pid, before[index] ?? []);
    for (const relay of started.toReversed()) expect(await relay.stop()).toBe(0);
    expect(await exists(path), `${path} is left behind`).toBe(false);
  } catch (error) {
    for (const relay of started) console.error(relay.address, relay.stderr());
    throw error;
  } finally {
    for (const relay of started.toReversed()) await relay[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  }
}

async function build(
  route: Route,
  server: PartServer,
  folder: string,
  path: string,
  start: (source: string, destination: string) => Promise<Relay>,
): Promise<Entry> {
  switch (route) {
    case "Unix in, TCP out":
      await start(path, `127.0.0.1:${server.port}`);
      return { kind: "unix", path, folder };
    case "TCP in, Unix out":
      return tcpEntry(await start("127.0.0.1:0", server.path));
    case "TCP to Unix to TCP":
      await start(path, `127.0.0.1:${server.port}`);
      return tcpEntry(await start("127.0.0.1:0", path));
  }
}

function tcpEntry(relay: Relay): Entry {
  const endpoint = parseAddress(relay.address, "source");
  if (endpoint.kind !== "tcp") throw new Error(`${relay.address} is no TCP address`);
  return { kind: "tcp", port: endpoint.port };
}

// A connection's descriptors go a moment after its client saw the end.
async function sameDescriptors(pid: number, before: readonly string[]): Promise<void> {
  const expected = before.join("\n");
  let now: string[] = [];
  await eventually(
    "the relay holds the descriptors that it held before",
    async () => {
      now = await descriptors(pid);
      return now.join("\n") === expected;
    },
    5000,
  ).catch(() => expect(now).toEqual([...before]));
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
