import type { Socket } from "bun";
import { parseAddress } from "../../../src/index.ts";
import { Payload } from "../../support/sockets/payload.ts";

// Clients of a relay before an echo service, which count what they lost.

const REQUEST = new Payload(1_000);

/** How long a client waits for the next exchange, in milliseconds: the rest is for the others. */
const PAUSE = 5;

/** What all clients together have met. */
export class Load implements AsyncDisposable {
  readonly errors: string[] = [];
  /** Requests that were answered, each over a connection of its own. */
  requests = 0;
  /** Exchanges over connections that are held. */
  exchanges = 0;
  /** The longest that a request took, in milliseconds. */
  slowest = 0;
  readonly #address: string;
  readonly #clients: Promise<void>[] = [];
  #over = false;

  private constructor(address: string) {
    this.#address = address;
  }

  /**
   * Starts clients that each make a connection per request, and others that each hold one with
   * traffic both ways.
   */
  static async start(
    address: string,
    { visitors, holders }: { readonly visitors: number; readonly holders: number },
  ): Promise<Load> {
    const load = new Load(address);
    const held = await Promise.all(
      Array.from({ length: holders }, (_, index) => EchoedStream.open(address, index + 1)),
    );
    for (const stream of held) load.#clients.push(load.#hold(stream));
    for (let visitor = 0; visitor < visitors; visitor += 1) load.#clients.push(load.#visit());
    return load;
  }

  /** Lets every client finish what it has begun, and leave. */
  async finish(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#clients);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.finish();
  }

  async #visit(): Promise<void> {
    while (!this.#over) {
      const began = performance.now();
      try {
        const stream = await EchoedStream.open(this.#address, this.requests + 1);
        await stream.exchange();
        await stream.close();
        this.requests += 1;
      } catch (error) {
        this.errors.push(`request: ${String(error)}`);
      }
      this.slowest = Math.max(this.slowest, performance.now() - began);
      await Bun.sleep(PAUSE);
    }
  }

  async #hold(stream: EchoedStream): Promise<void> {
    try {
      while (!this.#over) {
        await stream.exchange();
        this.exchanges += 1;
        await Bun.sleep(PAUSE);
      }
      await stream.close();
    } catch (error) {
      this.errors.push(`held connection: ${String(error)}`);
    }
  }
}

/** A connection on which everything that is sent has to come back. */
class EchoedStream {
  readonly #seed: number;
  readonly #sent = new Bun.CryptoHasher("sha256");
  readonly #received = new Bun.CryptoHasher("sha256");
  readonly #closed = Promise.withResolvers<void>();
  #socket: Socket | null = null;
  #exchanges = 0;
  /** Bytes that were sent and have not come back. */
  #owed = 0;
  #answer = Promise.withResolvers<void>();

  private constructor(seed: number) {
    this.#seed = seed;
    this.#answer.promise.catch(() => {});
  }

  static async open(address: string, seed: number): Promise<EchoedStream> {
    const stream = new EchoedStream(seed);
    const socket = {
      data: (_socket: Socket, bytes: Uint8Array) => stream.#came(bytes),
      end: (socket: Socket) => void socket.end(),
      close: (_socket: Socket, error?: Error) => stream.#ended(error),
    };
    const endpoint = parseAddress(address, "destination");
    const options = { socket, allowHalfOpen: true };
    stream.#socket = await (endpoint.kind === "tcp"
      ? Bun.connect({ ...options, hostname: endpoint.host, port: endpoint.port })
      : Bun.connect({
          ...options,
          unix: endpoint.kind === "unix" ? endpoint.path : `\0${endpoint.name}`,
        }));
    return stream;
  }

  /** Sends something and waits until all of it has come back. */
  async exchange(): Promise<void> {
    this.#exchanges += 1;
    const bytes = new Payload(REQUEST.length, this.#seed + 7 * this.#exchanges).bytes;
    this.#sent.update(bytes);
    this.#owed = bytes.length;
    this.#answer = Promise.withResolvers();
    const written = this.#socket?.write(bytes) ?? -1;
    if (written !== bytes.length) throw new Error(`the connection took ${written} bytes`);
    await this.#answer.promise;
  }

  /** Ends in good order; what came back must be what was sent. */
  async close(): Promise<void> {
    this.#socket?.shutdown();
    await this.#closed.promise;
    const [sent, received] = [this.#sent.digest("hex"), this.#received.digest("hex")];
    if (sent !== received) throw new Error("other bytes came back than were sent");
  }

  #came(bytes: Uint8Array): void {
    this.#received.update(bytes);
    this.#owed -= bytes.length;
    if (this.#owed === 0) this.#answer.resolve();
  }

  #ended(error?: Error): void {
    const reason = error ?? new Error("the connection ended before the answer came");
    if (this.#owed > 0) this.#answer.reject(reason);
    if (error === undefined) this.#closed.resolve();
    else this.#closed.reject(error);
    this.#closed.promise.catch(() => {});
  }
}
