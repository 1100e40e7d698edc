import { expect } from "bun:test";
import { join } from "node:path";
import {
  createRelay,
  type Relay,
  type RelayOptions,
  type SocketEndpoint,
} from "../../../src/index.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { folderForTests } from "../../support/temporary-folder.ts";

type Kind = "TCP" | "Unix";

export const TEXT = Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.11 56324 443\r\n");
const SIGNATURE = "0d0a0d0a000d0a515549540a";
// With a TLV of the type NOOP.
export const BINARY = Buffer.from(`${SIGNATURE}21110011c0000201c000020bdc0401bb0400020000`, "hex");
export const LOCAL = Buffer.from(`${SIGNATURE}20000000`, "hex");
/** The client that `TEXT` and `BINARY` tell of. */
export const CLIENT = "192.0.2.1:56324";

/** A relay behind a proxy, with a destination of the test's own, and what the relay has told. */
export class BehindProxy implements AsyncDisposable {
  readonly opened: string[] = [];
  readonly refused: string[] = [];
  readonly faults: unknown[] = [];
  /** The limits that the relay has reached, each with the number of taken places. */
  readonly full: string[] = [];
  /** The number of proxies that the relay waits for, by its observer. */
  waiting = 0;

  private constructor(
    readonly listener: RawListener,
    private starting: Relay | null = null,
  ) {}

  static async start(
    source: string,
    destination: SocketEndpoint,
    options: Partial<RelayOptions>,
  ): Promise<BehindProxy> {
    const listener = new RawListener(destination);
    const behind = new BehindProxy(listener);
    behind.starting = await createRelay({
      source,
      destination: listener.endpoint,
      acceptProxy: true,
      ...options,
      observer: {
        opened: ({ clientAddress }) => void behind.opened.push(clientAddress),
        waitingForHeader: (change) => void (behind.waiting += change),
        full: (places, limit) => void behind.full.push(`${limit} ${places}`),
        refused: (_, reason) => void behind.refused.push(reason),
        fault: (error) => void behind.faults.push(error),
      },
    });
    return behind;
  }

  get relay(): Relay {
    if (this.starting === null) throw new Error("the relay has not started");
    return this.starting;
  }

  connect(): Promise<RawSocket> {
    return RawSocket.connect(this.relay.endpoint);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.relay[Symbol.asyncDispose]();
    this.listener.close();
    expect(this.faults).toEqual([]);
  }
}

/** What starts the relays of a file: from a kind of source to a kind of destination. */
export function behindProxies() {
  const folder = folderForTests("accept-proxy");
  let names = 0;
  const freshPath = () => join(folder, `socket-${(names += 1)}`);
  return (from: Kind, to: Kind, options: Partial<RelayOptions> = {}): Promise<BehindProxy> =>
    BehindProxy.start(
      from === "Unix" ? freshPath() : "127.0.0.1:0",
      to === "Unix"
        ? { kind: "unix", path: freshPath() }
        : { kind: "tcp", host: "127.0.0.1", port: 0 },
      { ...(from === "TCP" && { acceptProxyFrom: ["127.0.0.0/8"] }), ...options },
    );
}

export function send(client: RawSocket, bytes: Uint8Array): void {
  if (bytes.length > 0) expect(client.trySend(bytes)).toBe(bytes.length);
}

/** How the relay turns a client away. */
export const turnedAway = (client: RawSocket) => (client.isTcp ? "ECONNRESET" : "end");

/**
 * The end that a client reads; one that has sent what nobody read is reset at a Unix socket, too.
 */
export async function endOf(client: RawSocket): Promise<string> {
  const { length, ending } = await client.readToEnd();
  expect(length).toBe(0);
  return ending;
}
