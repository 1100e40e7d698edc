import type { Batch, Order } from "../../../src/workers/worker-messages.ts";

/** Stands in for a worker's thread, which then only a test runs. */
export class FakeThread extends EventTarget {
  static readonly started: FakeThread[] = [];
  readonly orders: Order[] = [];
  onmessage: ((event: { readonly data: Batch }) => void) | null = null;
  onerror: ((event: { readonly message: string }) => void) | null = null;

  constructor() {
    super();
    FakeThread.started.push(this);
  }

  /** The thread that was started last. */
  static get latest(): FakeThread {
    const thread = FakeThread.started.at(-1);
    if (thread === undefined) throw new Error("no thread was started");
    return thread;
  }

  postMessage(order: Order): void {
    this.orders.push(order);
  }

  /** The relays that it was told to start, by their numbers. */
  get relays(): readonly number[] {
    return this.orders.flatMap((order) => (order.kind === "start" ? [order.relay] : []));
  }

  exit(code: number): void {
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }

  throw(message: string): void {
    this.onerror?.({ message });
    this.exit(1);
  }
}
