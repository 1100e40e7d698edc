import { expect } from "bun:test";
import { type ConnectionView, type Observer, printAddress, type Stop } from "../../../src/index.ts";
import type { RelayOptions } from "../../../src/relay/options.ts";
import type { HandoverRelay } from "../../../src/relay/relay-interface.ts";
import { Payload } from "../sockets/payload.ts";
import { puppetPool, type Puppets, startPuppets } from "./puppets.ts";
import { RawListener, RawSocket } from "../sockets/raw-socket.ts";
import { portIn } from "../sockets/socket-name.ts";
import { system } from "../process/system-calls.ts";

export const LOOPBACK = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
export const WORKERS = 3;
/** What goes through a connection. */
export const payload = new Payload(1_000);

/** All that a relay has told. */
class Events {
  readonly opened: ConnectionView[] = [];
  readonly closed: { readonly view: ConnectionView; readonly ending: string }[] = [];
  readonly faults: string[] = [];
  readonly full: number[] = [];
  readonly others: string[] = [];
  readonly stops: Stop[] = [];
  mostOpen = 0;
  readonly observer: Partial<Observer> = {
    opened: (view) => {
      this.opened.push(view);
      this.mostOpen = Math.max(this.mostOpen, this.opened.length - this.closed.length);
    },
    closed: (view, ending) => void this.closed.push({ view, ending }),
    fault: (error) => void this.faults.push(error instanceof Error ? error.message : "?"),
    full: (open) => void this.full.push(open),
    listening: () => void this.others.push("listening"),
    draining: (open) => void this.others.push(`draining ${open}`),
    stopped: (stop) => {
      this.others.push("stopped");
      this.stops.push(stop);
    },
  };
}

export interface Ends {
  readonly client: RawSocket;
  readonly destination: RawSocket;
}

/** A relay of several workers before a destination; everything goes at the end of the test. */
export class Bench {
  readonly #sockets: RawSocket[] = [];

  private constructor(
    readonly listener: RawListener,
    readonly puppets: Puppets,
    readonly events: Events,
  ) {}

  static async start(
    options: Partial<RelayOptions> & { readonly from?: string } = {},
    workers = WORKERS,
    pool = puppetPool(workers),
  ): Promise<Bench> {
    const { from = "127.0.0.1:0", ...rest } = options;
    const listener = new RawListener(LOOPBACK);
    const events = new Events();
    const puppets = await startPuppets(
      {
        ...rest,
        source: from,
        destination: printAddress(listener.endpoint),
        observer: events.observer,
      },
      workers,
      pool,
    );
    const bench = new Bench(listener, puppets, events);
    benches.push(bench);
    return bench;
  }

  get relay(): HandoverRelay {
    return this.puppets.relay;
  }

  dial(): RawSocket {
    return this.keep(RawSocket.dial(this.relay.endpoint));
  }

  async accept(): Promise<RawSocket> {
    return this.keep(await this.listener.accept());
  }

  async open(): Promise<Ends> {
    const client = this.keep(await RawSocket.connect(this.relay.endpoint));
    return { client, destination: await this.accept() };
  }

  async openMany(count: number): Promise<Ends[]> {
    const ends: Ends[] = [];
    while (ends.length < count) ends.push(await this.open());
    return ends;
  }

  keep(socket: RawSocket): RawSocket {
    this.#sockets.push(socket);
    return socket;
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    this.listener.close();
    await this.relay.stop({ drainTimeout: 0 });
  }
}

const benches: Bench[] = [];

/** Ends all that was started: to be called after each test. */
export async function endBenches(): Promise<void> {
  await Promise.all(benches.splice(0).map((bench) => bench.end()));
}

/** A connected client as a relay names it. */
export function addressOf(client: RawSocket): string {
  // Asked of the client alone: a relay that refuses it may be faster.
  return `127.0.0.1:${portIn(system.ownName(client.fd))}`;
}

export async function expectWhole({ client, destination }: Ends): Promise<void> {
  client.sendAtOnce(payload);
  client.halfClose();
  expect(await destination.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  destination.sendAtOnce(payload);
  destination.halfClose();
  expect(await client.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  client.close();
  destination.close();
}
