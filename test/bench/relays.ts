import { join } from "node:path";
import { readFile } from "node:fs/promises";
import type { Both } from "./destinations.ts";
import { freePort } from "./free-port.ts";
import type { Address } from "./load/messages.ts";
import { allowDescriptors, monotonic } from "./load/system.ts";
import type { Peer } from "./peers/peer.ts";
import { cpuOf, end, own, treeOf } from "./processes.ts";

/** What a relay listens on and what it relays to. */
export interface Direction {
  readonly name: "unix-tcp" | "tcp-unix" | "tcp-tcp" | "unix-unix";
  readonly title: string;
  readonly source: Address["kind"];
  readonly destination: Address["kind"];
}

/** The directions of most rows. */
export const DIRECTIONS: readonly Direction[] = [
  { name: "unix-tcp", title: "Unix in, TCP out", source: "unix", destination: "tcp" },
  { name: "tcp-unix", title: "TCP in, Unix out", source: "tcp", destination: "unix" },
];

export const ALL_DIRECTIONS: readonly Direction[] = [
  ...DIRECTIONS,
  { name: "tcp-tcp", title: "TCP in, TCP out", source: "tcp", destination: "tcp" },
  { name: "unix-unix", title: "Unix in, Unix out", source: "unix", destination: "unix" },
];

/** Where a load connects to, and the processes behind that. */
export interface Relay {
  readonly name: string;
  readonly direction: Direction;
  readonly address: Address;
  /** The first of its processes; `undefined` where there is no relay. */
  readonly pid: number | undefined;
}

/** A relay in a process of its own. */
export interface RelayProcess extends Relay, AsyncDisposable {
  readonly pid: number;
  /** When it was started, in nanoseconds of the machine's clock. */
  readonly startedAt: number;
  readonly hasEnded: boolean;
  /** The last line that it wrote. */
  complaint(): Promise<string>;
}

/** A relay that is yet to be started. */
export interface RelayToStart {
  readonly address: Address;
  start(): RelayProcess;
}

// systemd-socket-proxyd holds up to six a connection; and Bun starts programs with the limit that
// it was started with itself.
const DESCRIPTORS = 65_536;
const SETTLE_SECONDS = 1;

/** Starts relays. */
export class Relays {
  #count = 0;

  constructor(
    readonly folder: string,
    readonly peers: ReadonlyMap<string, Peer>,
  ) {}

  /** Prepares a relay to a destination, in a process of its own once it is started. */
  async prepare(name: string, direction: Direction, to: Both): Promise<RelayToStart> {
    const peer = this.peers.get(name);
    if (peer === undefined) throw new Error(`no such relay: ${name}`);
    this.#count += 1;
    const path = join(this.folder, `${this.#count}-${name}`);
    const address: Address =
      direction.source === "tcp"
        ? { kind: "tcp", host: "127.0.0.1", port: freePort() }
        : { kind: "unix", path: `${path}.sock` };
    const task = { source: address, destination: to[direction.destination], path };
    const command = await peer.command(task);
    const log = `${path}.log`;
    const output = Bun.file(log);
    const start = () => {
      const startedAt = monotonic();
      const child = own(
        Bun.spawn([...command], {
          // An empty environment but for PATH: nothing of who runs the bench leaks in.
          env: { PATH: "/usr/bin:/bin" },
          stdin: "ignore",
          stdout: output,
          stderr: output,
        }),
      );
      allowDescriptors(child.pid, DESCRIPTORS);
      return {
        name,
        direction,
        address,
        pid: child.pid,
        startedAt,
        get hasEnded() {
          return child.exitCode !== null || child.signalCode !== null;
        },
        complaint: async () => (await readFile(log, "utf8")).trim().split("\n").at(-1) ?? "",
        [Symbol.asyncDispose]: () => end(child),
      };
    };
    return { address, start };
  }
}

/** The processor time that something costs a relay, in nanoseconds; `undefined` without a relay. */
export async function costOf<Result>(
  relay: Relay,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly cpu: number | undefined }> {
  const { pid } = relay;
  if (pid === undefined) return { result: await work(), cpu: undefined };
  const processes = treeOf(pid).length;
  const before = cpuOf(pid);
  const result = await work();
  await settle(pid, processes);
  return { result, cpu: cpuOf(pid) - before };
}

/**
 * Waits for the processes that a relay had for its connections: what they cost shows up in full
 * when it has waited for them, and they would be in the way of the next load.
 */
async function settle(pid: number, processes: number): Promise<void> {
  const patience = monotonic() + SETTLE_SECONDS * 1e9;
  while (treeOf(pid).length > processes && monotonic() < patience) await Bun.sleep(5);
}

/** A failed load's error, with what the relay itself has to say. */
export async function blame(relay: RelayProcess, error: unknown): Promise<Error> {
  const reason = error instanceof Error ? error.message : String(error);
  const complaint = await relay.complaint();
  const words = complaint === "" ? "" : `; it says: ${complaint}`;
  return new Error(`${relay.name}: ${reason}${words}`, { cause: error });
}
