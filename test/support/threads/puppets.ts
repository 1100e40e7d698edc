import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseAddress, type Role, type SocketEndpoint } from "../../../src/index.ts";
import { loaded } from "../../../src/os/libc.ts";
import type { RelayOptions } from "../../../src/relay/options.ts";
import type { HandoverRelay } from "../../../src/relay/relay-interface.ts";
import { startPooledRelay } from "../../../src/workers/pooled-relay.ts";
import { WorkerPool } from "../../../src/workers/worker-pool.ts";
import { channelOf, type Deed } from "./puppet-deeds.ts";

/**
 * The module of a puppet's thread, as one file: a thread that reads the sources takes 30 ms longer
 * to start, and the tests start hundreds.
 */
async function bundleThread(): Promise<URL> {
  const folder = mkdtempSync(join(tmpdir(), "puppet-thread-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const { outputs } = await Bun.build({
    entrypoints: [join(import.meta.dir, "puppet-thread.ts")],
    target: "bun",
    sourcemap: "inline",
    outdir: folder,
  });
  const [bundle] = outputs;
  if (bundle === undefined) throw new Error("a puppet's thread does not build");
  return pathToFileURL(bundle.path);
}

const THREAD = await bundleThread();

/** A relay of several workers that do what a test wants. */
export interface Puppets {
  readonly relay: HandoverRelay;
  perform(deed: Deed): void;
  /** Lets no worker run while something is done. */
  freeze(act: () => void): void;
}

type Options = Omit<RelayOptions, "source" | "destination"> & {
  readonly source: string;
  readonly destination: string;
};

/** Workers of which a test has hold, for several relays. */
export function puppetPool(workers: number): WorkerPool {
  return new WorkerPool(workers, { module: THREAD });
}

/** Starts a relay with workers of which a test has hold. */
export async function startPuppets(
  options: Options,
  workers: number,
  pool = puppetPool(workers),
): Promise<Puppets> {
  const source = parseAddress(options.source, "source");
  if (source.kind === "systemd") throw new Error("systemd starts no puppets");
  const destination = socketAddress(options.destination, "destination");
  if (loaded.libc === null) throw new Error(loaded.reason);
  const relay = await startPooledRelay(loaded.libc, { ...options, source, destination }, pool);
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
