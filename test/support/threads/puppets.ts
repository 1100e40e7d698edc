import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  parseAddress,
  printAddress,
  type Relay,
  type Role,
  type SocketEndpoint,
} from "../../../src/index.ts";
import { loaded } from "../../../src/os/libc.ts";
import type { RelayOptions } from "../../../src/relay/options.ts";
import { startPool } from "../../../src/workers/worker-pool.ts";

/** What a worker of a test can be made to do. */
export type Deed =
  /** Every worker does nothing while a folder is there, in which it first leaves a file. */
  | { readonly kind: "freeze"; readonly folder: string }
  | { readonly kind: "throw" | "reject"; readonly worker: number; readonly message: string }
  | { readonly kind: "exit" | "hang"; readonly worker: number };

const THREAD = new URL("./puppet-thread.ts", import.meta.url);

/** The name under which the workers of a source listen for deeds. */
export function channelOf(endpoint: Relay["endpoint"]): string {
  return `puppets of ${printAddress(endpoint)}`;
}

/** A relay of several workers that do what a test wants. */
export interface Puppets {
  readonly relay: Relay;
  perform(deed: Deed): void;
  /** Lets no worker run while something is done. */
  freeze(act: () => void): void;
}

type Options = Omit<RelayOptions, "source" | "destination"> & {
  readonly source: string;
  readonly destination: string;
};

/** Starts a relay with workers of which a test has hold. */
export async function startPuppets(options: Options, workers: number): Promise<Puppets> {
  const source = parseAddress(options.source, "source");
  if (source.kind === "systemd") throw new Error("systemd starts no puppets");
  const destination = socketAddress(options.destination, "destination");
  if (loaded.libc === null) throw new Error(loaded.reason);
  const relay = await startPool(loaded.libc, { ...options, source, destination }, workers, THREAD);
  const perform = (deed: Deed) => {
    const channel = new BroadcastChannel(channelOf(relay.endpoint));
    channel.postMessage(deed);
    channel.close();
  };
  const freeze = (act: () => void) => {
    const folder = mkdtempSync(join(tmpdir(), "frozen-"));
    try {
      perform({ kind: "freeze", folder });
      while (readdirSync(folder).length < workers) Bun.sleepSync(0.1);
      act();
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  return { relay, perform, freeze };
}

function socketAddress(text: string, role: Role): SocketEndpoint {
  const endpoint = parseAddress(text, role);
  if (endpoint.kind === "systemd" || endpoint.kind === "fd")
    throw new Error(`${text}: not an address of its own`);
  return endpoint;
}
