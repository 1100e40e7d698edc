import { printAddress } from "../../address/address.ts";
import { errorCode } from "../../os/errno.ts";
import { isListening } from "../../os/unix-listeners.ts";
import type { ConnectionSide } from "../connection/connection.ts";
import type { AddressFailure } from "./failure.ts";
import { ReachingAttempt } from "./reaching-attempt.ts";

// How long a Unix destination that refuses is tried again where it is not known whether anybody
// listens, in milliseconds: Bun says ECONNREFUSED of a full queue, too (oven-sh/bun pull 37093).
const PERHAPS_FULL = 1_000;

/** Connects by Bun alone, where the system's calls are not to be had. */
export class BunAttempt extends ReachingAttempt {
  /** Counts the tries: Bun's connect cannot be given up, and what becomes of an old one is late. */
  #tries = 0;

  protected override try(): void {
    const { leadsBack, target } = this.connection.shared;
    if (leadsBack === null) return this.#connect();
    const connect = () => void (this.live && this.#connect());
    // Bun says only afterwards where it has connected to: by then the loop has begun.
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
    // Bun opens a socket only once it is connected: there is no news before that.
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
