import { expect, spyOn } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ConnectionView,
  createRelay,
  DEFAULTS,
  type Observer,
  parseAddress,
  type Relay,
  type RelayOptions,
  type SocketEndpoint,
} from "../../src/index.ts";
import { libc } from "../../src/os/libc.ts";
import { ByteWatch } from "../../src/relay/stream/await-bytes-without-bun.ts";
import { threadBulkReader } from "../../src/relay/stream/bulk-reader.ts";
import { Crowd } from "../../src/relay/stream/crowd-of-small-chunks.ts";
import { startRelay } from "../support/process/executable.ts";
import { puppetPool, type Puppets, startPuppets } from "../support/threads/puppets.ts";
import {
  connectionDescriptors,
  cpuSeconds,
  descriptors,
  isStopped,
} from "../support/process/proc.ts";
import { rawDescriptors } from "../support/sockets/raw-descriptor.ts";
import { SO_ACCEPTCONN, SOL_SOCKET, system } from "../support/process/system-calls.ts";
import { socketPair } from "../support/sockets/socket-pair.ts";
import { until } from "../support/waiting.ts";

/** The options that rows of the table set; times in milliseconds. */
export interface Settings {
  readonly connectTimeout?: number;
  readonly connectRetry?: number;
  readonly keepalive?: number;
  /** In process only: the executable has no such option, and keeps the default. */
  readonly lingerTimeout?: number;
}

/** What a relay has told of one event, by whatever way it tells. */
export type Report =
  | { readonly event: "opened" | "connected" | "half_closed" | "fault" | "warning" }
  | { readonly event: "unreachable"; readonly code: string }
  | {
      readonly event: "closed";
      readonly ending: string;
      readonly up: number;
      readonly down: number;
    };

/** A relay that listens, in this process or in one of its own. */
export interface RelayUnderTest extends AsyncDisposable {
  /** The process of its own that it runs in; null in this one. */
  readonly pid: number | null;
  /** The source as bound. */
  readonly endpoint: SocketEndpoint;
  /** The relay's patience with a side whose peer is gone, in milliseconds. */
  readonly lingerTimeout: number;
  /** How many connections are open, as the relay itself says. */
  open(): number;
  /**
   * How many sockets the relay has open, as the kernel says, beyond those with which it listens.
   */
  descriptors(): number;
  /** What it has told so far, in order. */
  reports(): readonly Report[];
  /** How many failures of one reason it tells one by one; further ones it may only count. */
  readonly toldInFull: number;
  /** Does something that takes no time as the relay sees it: it cannot act before that is over. */
  freeze(act: () => void): void;
  /** Seconds of processor time used so far; null where that cannot be told from the test's own. */
  cpu(): number | null;
}

/** A way to run a relay. */
export interface Harness {
  readonly name: string;
  start(source: string, destination: string, settings: Settings): Promise<RelayUnderTest>;
  /** Ends what all its relays share; absent where they share nothing. */
  end?(): Promise<void>;
}

/**
 * How many sockets of this process are no test's own end, and do not listen: those of the relays'
 * connections. Relays of tests that run at the same time are counted together.
 */
function ownConnectionDescriptors(): number {
  // getsockopt(2) fails for whatever is no socket. It costs much less than a readlink(2) of each.
  const isConnection = (fd: number) => system.getOption(fd, SOL_SOCKET, SO_ACCEPTCONN) === 0;
  return descriptors("self").filter((fd) => !rawDescriptors.has(fd) && isConnection(fd)).length;
}

// What is there without a relay: the runtime's own, and what other files of tests have left.
let without = ownConnectionDescriptors();

/** Counts descriptors from here on: to be called while no relay is open. */
export function countFromHere(): void {
  without = ownConnectionDescriptors();
}

/** The relay as a library, in the test's own process. */
export const inProcess: Harness = inThisThread("in process", { fastPath: true });

/** The same with all reading left to the runtime. */
export const inProcessPlain: Harness = inThisThread("in process, plain", { fastPath: false });

/** The same with a capture of all connections. */
export const inProcessCaptured: Harness = {
  name: "in process, captured",
  async start(source, destination, settings) {
    const folder = mkdtempSync(join(tmpdir(), "captured-"));
    const capture = join(folder, "capture");
    const relay = await inThisThread("", { capture }).start(source, destination, settings);
    return {
      ...relay,
      // That there is a capture is no problem of the relay's.
      reports: () => relay.reports().filter(({ event }) => event !== "warning"),
      async [Symbol.asyncDispose]() {
        await relay[Symbol.asyncDispose]();
        rmSync(folder, { recursive: true });
      },
    };
  },
};

/** The same with every pipe in the crowd from its first small chunk on. */
export function inProcessCrowded(): Harness {
  let crowd: Promise<() => void> | undefined;
  return {
    name: "in process, crowded",
    async start(source, destination, settings) {
      crowd ??= crowdEveryPipe();
      await crowd;
      return await inProcess.start(source, destination, settings);
    },
    end: async () => (await crowd)?.(),
  };
}

/** Returns what lets pipes join as they do otherwise. */
async function crowdEveryPipe(): Promise<() => void> {
  if (libc === null) throw new Error("the crowd needs the C library through bun:ffi");
  const bulk = threadBulkReader(libc, 1);
  // The watch lives as long as a relay has a connection, and nobody joins before its first event.
  bulk.join();
  await proveWatch(bulk.arrivals);
  countFromHere();
  const joins = spyOn(Crowd.prototype, "chunkPassed").mockReturnValue(true);
  const stays = spyOn(Crowd.prototype, "hasRead").mockReturnValue();
  const watches = spyOn(ByteWatch.prototype, "watch");
  return () => {
    const mayJoin = joins.mock.calls.length > 0;
    const joined = watches.mock.results.map(({ value }) => value);
    for (const spy of [joins, stays, watches]) spy.mockRestore();
    bulk.leave();
    // Every pipe that was to join did; in a table without a small chunk, none was.
    expect([...new Set(joined)]).toEqual(mayJoin ? [true] : []);
  };
}

async function proveWatch(watch: ByteWatch): Promise<void> {
  using pair = socketPair();
  const waiter = { bytesCame() {} };
  await until(() => watch.watch(pair.other, waiter), "a watch that works");
  watch.forget(pair.other, waiter);
}

function inThisThread(name: string, options: Partial<RelayOptions>): Harness {
  return {
    name,
    async start(source, destination, settings) {
      const { reports, observer } = observe();
      const relay = await createRelay({ source, destination, ...settings, ...options, observer });
      // What does not give the thread up is all at once.
      return underTest(relay, settings, reports, (act) => act());
    },
  };
}

/**
 * The same with several workers. Its relays share their threads, as those of a configuration file
 * do: to start threads costs more than most rows.
 */
export function inProcessWith(workers: number): Harness {
  const pool = puppetPool(workers);
  // The threads live as long as a relay has them.
  let keeper: Promise<Puppets> | undefined;
  return {
    name: `in process, ${workers} workers`,
    async start(source, destination, settings) {
      keeper ??= startPuppets(KEEPER, workers, pool);
      await keeper;
      const { reports, observer } = observe();
      const options = { source, destination, ...settings, observer };
      const { relay, freeze } = await startPuppets(options, workers, pool);
      return underTest(relay, settings, reports, freeze);
    },
    end: async () => await (await keeper)?.relay.stop({ drainTimeout: 0 }),
  };
}

/** A relay that nobody connects to. */
const KEEPER = { source: "127.0.0.1:0", destination: "127.0.0.1:1" } as const;

function observe(): { readonly reports: Report[]; readonly observer: Partial<Observer> } {
  const reports: Report[] = [];
  const observer: Partial<Observer> = {
    opened: () => void reports.push({ event: "opened" }),
    connected: () => void reports.push({ event: "connected" }),
    halfClosed: () => void reports.push({ event: "half_closed" }),
    unreachable: (_, { code }) => void reports.push({ event: "unreachable", code }),
    closed: (view, ending) => void reports.push(closedReport(view, ending)),
    fault: () => void reports.push({ event: "fault" }),
    warning: () => void reports.push({ event: "warning" }),
  };
  return { reports, observer };
}

function underTest(
  relay: Relay,
  { lingerTimeout = DEFAULTS.lingerTimeout }: Settings,
  reports: readonly Report[],
  freeze: RelayUnderTest["freeze"],
): RelayUnderTest {
  return {
    pid: null,
    endpoint: relay.endpoint,
    lingerTimeout,
    open: () => relay.connections,
    descriptors: () => ownConnectionDescriptors() - without,
    reports: () => reports,
    toldInFull: Infinity,
    freeze,
    cpu: () => null,
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  };
}

function closedReport({ bytesUp, bytesDown }: ConnectionView, ending: string): Report {
  return { event: "closed", ending, up: bytesUp, down: bytesDown };
}

/** The compiled executable, seen from outside. */
export const executable: Harness = executableWith(1);

/** The executable with several workers, seen from outside. */
export function executableWith(workers: number): Harness {
  return ofExecutable(workers === 1 ? "executable" : `executable, ${workers} workers`, {
    args: [`--workers=${workers}`],
  });
}

/**
 * The executable where FFI is not to be had, because the runtime does not compile at run time, as
 * under systemd's MemoryDenyWriteExecute=yes.
 */
export const executableWithoutFfi: Harness = ofExecutable("executable without FFI", {
  env: { BUN_JSC_useJIT: "0" },
});

interface Start {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function ofExecutable(name: string, start: Start): Harness {
  return {
    name,
    start: (source, destination, settings) => startExecutable(start, source, destination, settings),
  };
}

async function startExecutable(
  { args = [], env = {} }: Start,
  source: string,
  destination: string,
  { lingerTimeout: _unsettable, ...settings }: Settings,
): Promise<RelayUnderTest> {
  const options = Object.entries(settings).map(([name, value]) => `--${dashed(name)}=${value}ms`);
  const relay = await startRelay(["--log-level=debug", ...args, ...options, source, destination], {
    env,
  });
  const log = new LogReader(relay.stderr);
  const atStart = connectionDescriptors(relay.pid).length;
  return {
    pid: relay.pid,
    endpoint: toSocket(relay.address),
    lingerTimeout: DEFAULTS.lingerTimeout,
    open: () => log.count("opened") - log.count("closed"),
    descriptors: () => connectionDescriptors(relay.pid).length - atStart,
    reports: () => log.reports(),
    toldInFull: LOGGED_IN_FULL,
    freeze: (act) => freeze(relay.pid, act),
    cpu: () => cpuSeconds(relay.pid),
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  };
}

function freeze(pid: number, act: () => void): void {
  process.kill(pid, "SIGSTOP");
  try {
    // A signal to another processor takes a moment to arrive.
    while (!isStopped(pid)) {}
    act();
  } finally {
    process.kill(pid, "SIGCONT");
  }
}

// src/observe/log/hold-back-repeated-lines.ts
const LOGGED_IN_FULL = 10;

/** Reads a JSON log as it grows. */
class LogReader {
  readonly #text: () => string;
  readonly #reports: Report[] = [];
  #read = 0;

  constructor(text: () => string) {
    this.#text = text;
  }

  reports(): readonly Report[] {
    const text = this.#text();
    for (;;) {
      const end = text.indexOf("\n", this.#read);
      if (end < 0) return this.#reports;
      const report = reportOf(JSON.parse(text.slice(this.#read, end)));
      if (report !== null) this.#reports.push(report);
      this.#read = end + 1;
    }
  }

  count(event: Report["event"]): number {
    return this.reports().filter((report) => report.event === event).length;
  }
}

function reportOf(line: Record<string, unknown>): Report | null {
  switch (line["event"]) {
    case "opened":
    case "connected":
    case "half_closed":
    case "fault":
    case "warning":
      return { event: line["event"] };
    case "unreachable":
      return { event: "unreachable", code: String(line["code"]) };
    case "closed":
      return {
        event: "closed",
        ending: String(line["ending"]),
        up: Number(line["bytes_up"]),
        down: Number(line["bytes_down"]),
      };
    default:
      return null;
  }
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function toSocket(address: string): SocketEndpoint {
  const endpoint = parseAddress(address, "source");
  if (endpoint.kind === "systemd" || endpoint.kind === "fd")
    throw new Error(`${address}: not bound by the relay itself`);
  return endpoint;
}
