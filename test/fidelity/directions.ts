import { expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printAddress, type SocketEndpoint } from "../../src/index.ts";
import { OWN_LOOPBACK } from "../support/sockets/own-loopback.ts";
import type { Buffers } from "../support/sockets/raw-descriptor.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import type { Harness, RelayUnderTest, Report, Settings } from "./relay-under-test.ts";
import { PATIENCE, until } from "../support/waiting.ts";

/** The two ends of a connection. */
export type Role = "client" | "destination";

/** The kinds of a source and of its destination. */
export interface Direction {
  readonly name: string;
  readonly source: Kind;
  readonly destination: Kind;
}

export type Kind = "tcp" | "tcp6" | "unix" | "abstract";

function direction(source: Kind, destination: Kind): Direction {
  return { name: `${source} to ${destination}`, source, destination };
}

export const UNIX_TO_TCP = direction("unix", "tcp");
export const TCP_TO_UNIX = direction("tcp", "unix");
export const TCP_TO_TCP = direction("tcp", "tcp");
export const UNIX_TO_UNIX = direction("unix", "unix");

/** The four directions of the table. */
export const DIRECTIONS: readonly Direction[] = [
  UNIX_TO_TCP,
  TCP_TO_UNIX,
  TCP_TO_TCP,
  UNIX_TO_UNIX,
];

/** The same four with the other families of addresses. */
export const OTHER_FAMILIES: readonly Direction[] = [
  direction("abstract", "tcp6"),
  direction("tcp6", "abstract"),
  direction("tcp6", "tcp6"),
  direction("abstract", "abstract"),
];

type Closed = Extract<Report, { readonly event: "closed" }>;

/** How the test's own ends and the relay between them are made. */
export interface WireOptions {
  readonly settings?: Settings;
  /** The queue of the destination's listener. */
  readonly backlog?: number;
  /** Buffers of both of the test's ends. */
  readonly buffers?: Buffers;
}

/**
 * A relay with a destination of raw sockets behind it. Sockets that it hands out are its own: they
 * are closed with it.
 */
export class Wire implements AsyncDisposable {
  readonly #sockets: RawSocket[] = [];
  #clients = 0;
  #reached = 0;

  private constructor(
    readonly direction: Direction,
    readonly folder: string,
    readonly listener: RawListener,
    readonly relay: RelayUnderTest,
    readonly buffers: Buffers,
  ) {}

  /** Starts the relay and its destination. */
  static async open(
    harness: Harness,
    direction: Direction,
    { settings = {}, backlog = 1_024, buffers = {} }: WireOptions = {},
  ): Promise<Wire> {
    const folder = await mkdtemp(join(tmpdir(), "relay-test-"));
    const listener = new RawListener(
      place(direction.destination, folder, "destination"),
      backlog,
      buffers,
    );
    const source = printAddress(place(direction.source, folder, "source"));
    const relay = await harness.start(source, printAddress(listener.endpoint), settings);
    return new Wire(direction, folder, listener, relay, buffers);
  }

  /** Another listener at the destination's address, whose own was closed. The caller closes it. */
  listenAgain(): RawListener {
    return new RawListener(this.listener.endpoint);
  }

  /** A client's end, connected to the relay. */
  async connect(): Promise<RawSocket> {
    this.#clients += 1;
    return this.#keep(await RawSocket.connect(this.relay.endpoint, this.buffers));
  }

  /** A client's end that has asked to be connected: the relay may answer, or fail it, at once. */
  dial(): RawSocket {
    this.#clients += 1;
    return this.#keep(RawSocket.dial(this.relay.endpoint, this.buffers));
  }

  /** The destination's end of the next connection that the relay makes. */
  async accept(patience = PATIENCE): Promise<RawSocket> {
    return this.#keep(await this.listener.accept(patience));
  }

  /** Both ends of one connection, which the relay knows to be one. */
  async ends(): Promise<Record<Role, RawSocket>> {
    const client = await this.connect();
    const destination = await this.accept();
    this.#reached += 1;
    // What an end does next is then done to a connection, not to an attempt at one.
    const connected = () => this.relay.reports().filter(({ event }) => event === "connected");
    await until(
      () => connected().length >= this.#reached,
      () => `the relay to have reached its destination; ${this.describe()}`,
    );
    return { client, destination };
  }

  /**
   * Fills the destination's queue, so that a further connection is not answered: a TCP one hangs,
   * a Unix one gets EAGAIN. Needs a backlog of 0. Returns what makes room again.
   */
  async plug(): Promise<() => Promise<void>> {
    // A queue of 0 has room for one (listen(2) and net/core: more than backlog is full).
    using waiting = await RawSocket.connect(this.listener.endpoint);
    expect(waiting.isOpen).toBe(true);
    return async () => (await this.listener.accept()).close();
  }

  /** Waits until the relay has told of the end of every connection: those reports. */
  async closed(patience = PATIENCE): Promise<readonly Closed[]> {
    const closed = () => this.relay.reports().filter((report) => report.event === "closed");
    // As many as there were clients: it may not have told yet, or not even known, of the last one.
    await until(
      () => closed().length === this.#clients,
      () => `the ends of ${this.#clients} connections; ${this.describe()}`,
      patience,
    );
    return closed();
  }

  /** Waits until the relay has told of the end of a connection by an ending: that report. */
  async closedAs(ending: string): Promise<Closed> {
    const closed = () =>
      this.relay
        .reports()
        .find((report): report is Closed => report.event === "closed" && report.ending === ending);
    await until(
      () => closed() !== undefined,
      () => `a connection to be over as ${ending}; ${this.describe()}`,
    );
    const report = closed();
    if (report === undefined) throw new Error("it was there");
    return report;
  }

  /** Waits until the relay has told that an end has sent its end of stream. */
  async halfClosed(): Promise<void> {
    await until(
      () => this.relay.reports().some(({ event }) => event === "half_closed"),
      () => `the relay to know of an end of stream; ${this.describe()}`,
    );
  }

  /** The codes of all failures to reach the destination, so far. */
  unreachable(): readonly string[] {
    return this.relay
      .reports()
      .flatMap((report) => (report.event === "unreachable" ? [report.code] : []));
  }

  /** Waits until the relay has let go of every connection, with the test's ends still open. */
  async idle(patience = PATIENCE): Promise<void> {
    await this.closed(patience);
    await until(
      () => this.relay.open() === 0 && this.relay.descriptors() === 0,
      () => `the relay to let go of everything; ${this.describe()}`,
      patience,
    );
  }

  /** Closes the test's ends and sees that the relay kept nothing and met no fault. */
  async finish(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    await this.idle();
    const faults = this.relay.reports().filter(({ event }) => event === "fault");
    expect(faults).toEqual([]);
  }

  describe(): string {
    const reports = this.relay.reports().slice(-8);
    return (
      `${this.relay.open()} open, ${this.relay.descriptors()} descriptors, ` +
      `last told: ${JSON.stringify(reports)}`
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    this.listener.close();
    await this.relay[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true });
  }

  #keep(socket: RawSocket): RawSocket {
    this.#sockets.push(socket);
    return socket;
  }
}

let named = 0;

function place(kind: Kind, folder: string, name: string): SocketEndpoint {
  switch (kind) {
    case "tcp":
      return { kind: "tcp", host: OWN_LOOPBACK, port: 0 };
    case "tcp6":
      return { kind: "tcp", host: "::1", port: 0 };
    case "unix":
      return { kind: "unix", path: join(folder, name) };
    case "abstract":
      // Abstract names are one space for the whole machine.
      return { kind: "abstract", name: `relay-test-${process.pid}-${(named += 1)}` };
  }
}
