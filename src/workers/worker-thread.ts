import { printAddress, type SocketEndpoint } from "../address/address.ts";
import { RelayError, relayError } from "../relay/error.ts";
import type { DrainLimits } from "../relay/limits/drain-time-limits.ts";
import type { PausableRelay } from "../relay/relay-interface.ts";
import { startRelay } from "../relay/running-relay.ts";
import { libc } from "../os/libc.ts";
import { checked, EBADF } from "../os/errno.ts";
import { AcceptBalance } from "./accept-balance.ts";
import type { ClientCounts } from "../relay/admission/client-counts.ts";
import { HeldMemory } from "../relay/limits/held-memory-limit.ts";
import { SharedConnectionLimit } from "../relay/limits/shared-connection-limit.ts";
import { SharedClientCounts } from "./shared-client-counts.ts";
import { SharedCounters } from "./shared-counters.ts";
import type { Batch, Order, RelayOrder, Report, Start } from "./worker-messages.ts";
import { ReportSender } from "./report-sender.ts";

// The code of a worker's thread. For each relay, the thread runs a share: it accepts and carries a
// part of the relay's connections, with its own descriptors of the relay's listening sockets.

declare const self: Worker;

/**
 * The name under which the pool pauses a relay (`pauseFor`). The pause begins with the message
 * `hold` and ends with the message `release`.
 */
const HOLDER = "pool";

/**
 * This worker's part of the limit of open connections that applies to all relays together. Null if
 * there is no such limit, and until this worker starts a relay's share for the first time.
 */
let limit: SharedConnectionLimit | null = null;

/**
 * Counts the bytes that this worker's connections hold in memory; null before the first share has
 * started.
 */
let memory: HeldMemory | null = null;

/**
 * For each share that was ordered to start, by the relay's number: a promise that settles when the
 * start has succeeded or failed.
 */
const starting = new Map<number, Promise<void>>();
/** The shares that have started, by the relay's number. */
const shares = new Map<number, RunningShare>();

self.onmessage = ({ data: order }: MessageEvent<Order>) => {
  if (order.kind === "end") process.exit(0);
  else if (order.kind === "start") starting.set(order.relay, begin(order));
  else void starting.get(order.relay)?.then(() => shares.get(order.relay)?.obey(order));
};

// An uncaught error ends only this thread, and a new thread replaces this thread. Call `abandon` so
// that TCP peers see a reset: otherwise Bun would close the sockets, and the peers would see a
// clean end of stream.
process.on("exit", () => {
  for (const share of shares.values()) share.abandon();
});

async function begin(start: Start): Promise<void> {
  const { relay } = start;
  const post = (reports: readonly Report[]) => {
    const batch: Batch = { relay, at: performance.now(), reports };
    self.postMessage(batch);
  };
  try {
    shares.set(relay, await RunningShare.start(start, post));
    post([{ kind: "ready" }]);
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    const { code, address, message } = error;
    post([{ kind: "failed", code, address, message }]);
  }
}

/** Duplicates the pool's listening descriptors; the worker owns the duplicates. */
function duplicateAll(listeners: readonly number[], endpoint: SocketEndpoint): readonly number[] {
  const fds: number[] = [];
  try {
    for (const listener of listeners) fds.push(checked(libc?.duplicate(listener) ?? -EBADF));
    return fds;
  } catch (error) {
    for (const fd of fds) libc?.close(fd);
    throw relayError("listen on", printAddress(endpoint), error);
  }
}

function clientCountsOf({ clientCounts, workers, index }: Start): ClientCounts | undefined {
  return clientCounts === null ? undefined : new SharedClientCounts(clientCounts, workers, index);
}

/** This worker's share of one relay. */
class RunningShare {
  readonly #number: number;
  readonly #relay: PausableRelay;
  readonly #reporter: ReportSender;
  readonly #balance: AcceptBalance;
  #stopping = false;

  private constructor(
    number: number,
    relay: PausableRelay,
    reporter: ReportSender,
    balance: AcceptBalance,
  ) {
    this.#number = number;
    this.#relay = relay;
    this.#reporter = reporter;
    this.#balance = balance;
  }

  static async start(
    start: Start,
    post: (reports: readonly Report[]) => void,
  ): Promise<RunningShare> {
    const { index, listeners, endpoint, options, held } = start;
    const counts = new SharedCounters(start.counts);
    const reporter = new ReportSender(start, counts, post);
    const fds = duplicateAll(listeners, endpoint);
    memory ??= new HeldMemory(start.memory, start.thread);
    if (start.sharedMax !== null) limit ??= new SharedConnectionLimit(start.sharedMax);
    const relay = await startRelay(
      {
        ...options,
        source: { kind: "descriptors", fds, endpoint },
        observer: reporter.observer,
      },
      {
        isShare: true,
        threads: start.threads,
        counts: clientCountsOf(start),
        limit,
        memory,
        capture: {
          sink: (blocks) => reporter.tell({ kind: "captured", blocks }),
          index,
          threads: start.workers,
        },
      },
    );
    if (held) relay.pauseFor(HOLDER);
    const balance = new AcceptBalance(counts, index, relay);
    reporter.afterOpened(() => balance.opened());
    return new RunningShare(start.relay, relay, reporter, balance);
  }

  obey(order: Exclude<RelayOrder, Start>): void {
    switch (order.kind) {
      case "ping":
        return this.#reporter.tell({ kind: "here" });
      case "hold":
        this.#relay.pauseFor(HOLDER);
        return this.#reporter.tell({ kind: "held", open: this.#relay.connections });
      case "endCapture":
        return this.#relay.endCapture();
      case "release":
        return this.#relay.resumeFor(HOLDER);
      case "stop":
        return void this.#stop(order.limits, order.serveQueue);
    }
  }

  /**
   * Ends all connections synchronously, because the event loop will not run again. TCP peers see a
   * reset.
   */
  abandon(): void {
    if (this.#relay.connections > 0)
      this.#reporter.tell({ kind: "lost", open: this.#relay.connections });
    this.#relay.abandon();
    this.#reporter.flush();
  }

  async #stop(limits: DrainLimits, serveQueue: boolean): Promise<void> {
    const first = !this.#stopping;
    this.#stopping = true;
    if (first) this.#balance[Symbol.dispose]();
    if (first && serveQueue) await this.#serveQueue();
    await this.#relay.stop(limits);
    shares.delete(this.#number);
    starting.delete(this.#number);
  }

  /** Accepts the clients that were in the kernel's queue when the stop was requested. */
  async #serveQueue(): Promise<void> {
    this.#relay.resumeFor(HOLDER);
    // Wait until the event loop has polled its descriptors and so accepted the waiting clients. The
    // first immediate may run before the poll, so only the second shows that the poll is done.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  }
}
