import { printAddress } from "../../address/address.ts";
import { errorCode } from "../../os/errno.ts";
import { isListening } from "../../os/unix-listeners.ts";
import type { ConnectionSide } from "../connection/connection.ts";
import type { AddressFailure } from "./failure.ts";
import { ReachingAttempt } from "./reaching-attempt.ts";

// How long to retry a Unix destination that refuses, in milliseconds: Bun reports ECONNREFUSED for
// a full queue, too, so a listener may exist (oven-sh/bun pull 37093).
const PERHAPS_FULL = 1_000;

/** Connects with Bun's own connect, for use without FFI. */
export class BunAttempt extends ReachingAttempt {
  /** Counts the tries, to ignore results of earlier tries: Bun's connect cannot be canceled. */
  #tries = 0;

  protected override try(): void {
    const { leadsBack, target } = this.connection.shared;
    if (leadsBack === null) return this.#connect();
    const connect = () => void (this.live && this.#connect());
    // Check before connecting: Bun reveals the address only when it is connected, and by then the
    // relay has already connected to itself.
    void Promise.resolve(target.addresses()).then((addresses) => {
      if (addresses.some(leadsBack)) this.fail([{ address: "", code: "ELOOP" }]);
      else connect();
    }, connect);
  }

  #connect(): void {
    const number = (this.#tries += 1);
    const { destination, shared } = this.connection;
    const { endpoint } = shared.target;
    const common = { allowHalfOpen: true, data: destination, socket: shared.handlers };
    const connecting =
      endpoint.kind === "tcp"
        ? Bun.connect({ ...common, hostname: endpoint.host || "localhost", port: endpoint.port })
        : Bun.connect({
            ...common,
            unix: endpoint.kind === "unix" ? endpoint.path : `\0${endpoint.name}`,
          });
    connecting.catch((error: unknown) => {
      if (number === this.#tries) this.lost(destination, errorCode(error));
    });
  }

  opened(side: ConnectionSide): void {
    this.succeed(side);
  }

  progress(): void {
    // Bun sends no event before the socket is connected.
  }

  protected override addressOf({ socket }: ConnectionSide): string {
    const { endpoint, text } = this.connection.shared.target;
    if (endpoint.kind !== "tcp" || socket === null) return text;
    return printAddress({ ...endpoint, host: socket.remoteAddress });
  }

  protected override failed(_side: ConnectionSide, code: string): void {
    const { endpoint } = this.connection.shared.target;
    const failures = [{ address: "", code }];
    if (code !== "ECONNREFUSED" || endpoint.kind === "tcp") return this.fail(failures);
    const waited = performance.now() - this.connection.openedAt;
    if (isListening(endpoint.kind === "unix" ? endpoint.path : `@${endpoint.name}`))
      this.lack([{ address: "", code: "EAGAIN" }]);
    else if (waited < PERHAPS_FULL) this.lack(failures);
    else this.fail(failures);
  }

  protected override unanswered(): readonly AddressFailure[] {
    return [{ address: "", code: "ETIMEDOUT" }];
  }

  protected override dropAllBut(winner: ConnectionSide | null): void {
    const { destination } = this.connection;
    if (winner === destination) return;
    const { socket } = destination;
    destination.detach();
    socket?.terminate();
  }
}
