import { printAddress } from "../../address/address.ts";
import { descriptorShortage } from "../../os/descriptor-shortage.ts";
import { errorCode } from "../../os/errno.ts";
import { isListening } from "../../os/unix-listeners.ts";
import type { ConnectionSide } from "../connection/connection.ts";
import type { AddressFailure } from "./describe-failure.ts";
import { AttemptWithRetries } from "./attempt-with-retries.ts";

// For this time after the accept of the client, in milliseconds, ECONNREFUSED from a Unix
// destination counts as a temporary shortage. Bun reports this code even if the destination's
// server listens and only its queue is full (oven-sh/bun pull 37093).
const PERHAPS_FULL = 1_000;

/**
 * A call of Bun's connect. Such a call cannot be canceled, so the attempt may end before the call
 * does.
 */
interface Connecting {
  /**
   * Whether the attempt no longer waits for the result of this call. Such a call counts in
   * `ConnectionsState.lateSockets` until the call ends.
   */
  isLate: boolean;
}

/** Connects with Bun's own connect, for use without FFI. */
export class BunAttempt extends AttemptWithRetries {
  /** The call whose result the attempt waits for; null if there is none. */
  #connecting: Connecting | null = null;

  protected override try(): void {
    // An attempt that waits must not take the last descriptor, because the listeners need it.
    const shortage = this.line.has(this) ? descriptorShortage(2) : null;
    if (shortage !== null) return this.waitOutShortage([{ address: "", code: shortage }]);
    const { leadsBack, target } = this.connection.shared;
    if (leadsBack === null) return this.#connect();
    const connect = () => void (this.live && this.#connect());
    // Check the addresses before connecting, because Bun reveals the address only after the
    // connect, and by then the relay may have connected to itself.
    void Promise.resolve(target.addresses()).then((addresses) => {
      if (addresses.some(leadsBack)) this.fail([{ address: "", code: "ELOOP" }]);
      else connect();
    }, connect);
  }

  #connect(): void {
    const connecting: Connecting = { isLate: false };
    this.#connecting = connecting;
    const { destination, shared } = this.connection;
    const { endpoint } = shared.target;
    const common = { allowHalfOpen: true, data: destination, socket: shared.handlers };
    const connected =
      endpoint.kind === "tcp"
        ? Bun.connect({ ...common, hostname: endpoint.host || "localhost", port: endpoint.port })
        : Bun.connect({
            ...common,
            unix: endpoint.kind === "unix" ? endpoint.path : `\0${endpoint.name}`,
          });
    connected.then(
      () => this.#ended(connecting),
      (error: unknown) => {
        this.#ended(connecting);
        if (this.#connecting !== connecting) return;
        this.#connecting = null;
        this.lost(destination, errorCode(error));
      },
    );
  }

  #ended({ isLate }: Connecting): void {
    const { shared } = this.connection;
    if (!isLate) return;
    shared.lateSockets -= 1;
    shared.lateSocketEnded();
  }

  opened(side: ConnectionSide): void {
    this.succeed(side);
  }

  progress(): void {
    // Do nothing, because Bun sends no event of a socket before the socket is connected.
  }

  protected override addressOf({ socket }: ConnectionSide): string {
    const { endpoint, text } = this.connection.shared.target;
    if (endpoint.kind !== "tcp" || socket === null) return text;
    return printAddress({ ...endpoint, host: socket.remoteAddress });
  }

  protected override failed(_side: ConnectionSide, code: string): void {
    // Bun reports ECONNREFUSED for nearly every failure. So check whether the true cause is a
    // shortage of descriptors or a full queue of the destination.
    const shortage = code === "ECONNREFUSED" ? this.#findShortage() : null;
    if (shortage === null) this.fail([{ address: "", code }]);
    else this.waitOutShortage([{ address: "", code: shortage }]);
  }

  /**
   * Returns a code if a shortage of descriptors or a full queue of the destination may be the cause
   * of ECONNREFUSED; otherwise null.
   */
  #findShortage(): string | null {
    const { shared, openedAt } = this.connection;
    const shortage = descriptorShortage(1);
    if (shortage !== null) {
      shared.exhausted();
      return shortage;
    }
    const { endpoint } = shared.target;
    if (endpoint.kind === "tcp") return null;
    if (isListening(endpoint.kind === "unix" ? endpoint.path : `@${endpoint.name}`))
      return "EAGAIN";
    return performance.now() - openedAt < PERHAPS_FULL ? "ECONNREFUSED" : null;
  }

  protected override unanswered(): readonly AddressFailure[] {
    return [{ address: "", code: "ETIMEDOUT" }];
  }

  protected override dropAllBut(winner: ConnectionSide | null): void {
    const { destination, shared } = this.connection;
    const connecting = this.#connecting;
    this.#connecting = null;
    if (winner !== null) return;
    if (connecting !== null) {
      connecting.isLate = true;
      shared.lateSockets += 1;
    }
    const { socket } = destination;
    destination.detach();
    socket?.terminate();
  }
}
