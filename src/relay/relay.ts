import type { Socket, SocketHandler } from "bun";
import {
  AddressError,
  type Endpoint,
  isSameAddress,
  parseAddress,
  printAddress,
  type Role,
} from "../address.ts";
import { reach } from "./connect.ts";
import {
  type Attempt,
  Connection,
  type ConnectionSide,
  destroy,
  type Shared,
} from "./connection.ts";
import { Deadlines } from "./deadlines.ts";
import { handlers } from "./handlers.ts";
import { keepAlive } from "./keepalive.ts";
import { Lingering } from "./lingering.ts";
import { listen, type Listener } from "./listen.ts";
import { type Observer, silentObserver } from "./observer.ts";
import { DEFAULTS, type RelayOptions } from "./options.ts";
import { targetOf } from "./target.ts";
import { loaded } from "../os/libc.ts";

// How long a side whose peer is gone may take to be done without anything moving: nginx's
// `lingering_close` gives 5 to 30 seconds.
const LINGER = 10_000;

/** A relay that listens. */
export interface Relay extends AsyncDisposable {
  /** The source, with the port that the system chose where 0 was asked. */
  readonly endpoint: Endpoint;
  /** How many connections are open now. */
  readonly connections: number;
  /**
   * Accepts no more, waits for the open connections to end, for `drainTimeout` milliseconds at
   * most, and then ends them. Called again it can only shorten the wait. Never rejects.
   */
  stop(options?: { readonly drainTimeout?: number }): Promise<void>;
}

/**
 * Listens on the source and carries each connection to the destination until it is stopped.
 *
 * @throws {AddressError} where an address is none, or both are the same.
 * @throws {RelayError} where the source cannot be listened on.
 */
export async function createRelay(options: RelayOptions): Promise<Relay> {
  const source = endpointOf(options.source, "source");
  const destination = endpointOf(options.destination, "destination");
  if (isSameAddress(source, destination))
    throw new AddressError(printAddress(destination), "the destination is the source");
  const relay = new RunningRelay(source, destination, options);
  await relay.listen(options);
  return relay;
}

function endpointOf(address: string | Endpoint, role: Role): Endpoint {
  return typeof address === "string" ? parseAddress(address, role) : address;
}

class RunningRelay implements Relay {
  readonly #source: Endpoint;
  readonly #shared: Shared;
  readonly #observer: Observer;
  readonly #drainTimeout: number;
  readonly #stopped = Promise.withResolvers<void>();
  #listener: Listener | null = null;
  #accepted = 0;
  #stopping = false;
  /** From the end of listening to the end of the last connection. */
  #draining = false;
  #drainTimer: Timer | undefined;

  constructor(source: Endpoint, destination: Endpoint, options: RelayOptions) {
    this.#source = source;
    this.#observer = { ...silentObserver, ...options.observer };
    this.#drainTimeout = options.drainTimeout ?? DEFAULTS.drainTimeout;
    this.#shared = {
      observer: this.#observer,
      target: targetOf(destination),
      sourceIsTcp: source.kind === "tcp",
      keepalive: options.keepalive ?? DEFAULTS.keepalive,
      connections: new Set(),
      attempts: new Deadlines<Attempt>(options.connectTimeout ?? DEFAULTS.connectTimeout, expire),
      lingering: new Lingering(LINGER),
      handlers,
      ended: () => this.#connectionEnded(),
    };
  }

  get endpoint(): Endpoint {
    return this.#listener?.endpoint ?? this.#source;
  }

  get connections(): number {
    return this.#shared.connections.size;
  }

  async listen(options: RelayOptions): Promise<void> {
    if (loaded.libc === null) this.#observer.warning(withoutLibc(loaded.reason));
    const accept: SocketHandler<ConnectionSide, "uint8array"> = {
      ...handlers,
      open: (socket) => this.#accept(socket),
    };
    this.#listener = await listen(this.#source, {
      ...options,
      keepalive: this.#shared.keepalive,
      handlers: accept,
    });
    this.#observer.listening(this.#listener.endpoint);
  }

  async stop({ drainTimeout = this.#drainTimeout } = {}): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      await this.#close();
      this.#draining = true;
      this.#observer.draining(this.connections);
    }
    clearTimeout(this.#drainTimer);
    if (this.connections === 0) this.#finish();
    else this.#drainTimer = setTimeout(() => this.#endAll(), drainTimeout);
    await this.#stopped.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop({ drainTimeout: 0 });
  }

  #accept(socket: Socket<ConnectionSide>): void {
    this.#accepted += 1;
    const connection = new Connection(this.#shared, this.#accepted);
    const { client } = connection;
    socket.data = client;
    client.attach(socket);
    client.ready = true;
    if (loaded.libc === null) keepAlive(client, this.#shared.keepalive);
    this.#shared.connections.add(connection);
    this.#observer.opened(connection);
    reach(connection);
  }

  /** Takes the way in away, serves who came before that, and only then stops listening. */
  async #close(): Promise<void> {
    const listener = this.#listener;
    if (listener === null) return;
    try {
      listener.hide();
    } catch (error) {
      this.#observer.fault(error);
    }
    await new Promise(setImmediate);
    listener.stop();
  }

  #connectionEnded(): void {
    if (this.#draining && this.connections === 0) this.#finish();
  }

  #finish(): void {
    if (!this.#draining) return;
    this.#draining = false;
    clearTimeout(this.#drainTimer);
    this.#observer.stopped();
    this.#stopped.resolve();
  }

  #endAll(): void {
    for (const connection of this.#shared.connections) destroy(connection, "stopped");
  }
}

function expire(attempt: Attempt): void {
  attempt.expire();
}

function withoutLibc(reason: string): string {
  return (
    `system calls through FFI are not to be had (${reason}): a Unix destination that answers and ` +
    "closes at once may lose its answer, and a failure to connect may be called ECONNREFUSED"
  );
}
