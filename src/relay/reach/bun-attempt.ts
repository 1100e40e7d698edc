import { ECONNREFUSED, errnoCode, errorCode } from "../../os/errno.ts";
import { PAUSE_LAST, ReachingAttempt } from "./retrying-attempt.ts";

// How long Bun's own connect is tried again where it says ECONNREFUSED of a Unix destination: it
// says so of a full queue, too (oven-sh/bun pull 37093).
const BUSY_RETRY = 1_000;

/** Connects by Bun alone, where the system's calls are not to be had. */
export class BunAttempt extends ReachingAttempt {
  start(): void {
    const { target, handlers } = this.connection.shared;
    const { endpoint } = target;
    const common = { allowHalfOpen: true, data: this.connection.destination, socket: handlers };
    const connecting =
      endpoint.kind === "tcp"
        ? Bun.connect({ ...common, hostname: endpoint.host || "localhost", port: endpoint.port })
        : Bun.connect({
            ...common,
            unix: endpoint.kind === "unix" ? endpoint.path : `\0${endpoint.name}`,
          });
    connecting.catch((error: unknown) => this.lost(errorCode(error)));
  }

  opened(): void {
    this.succeed();
  }

  progress(): void {
    // Bun opens a socket only once it is connected: there is no news before that.
  }

  lost(code: string): void {
    if (!this.live) return;
    const { target } = this.connection.shared;
    const waited = performance.now() - this.connection.openedAt;
    const perhapsBusy = !target.isTcp && code === errnoCode(ECONNREFUSED) && waited < BUSY_RETRY;
    if (perhapsBusy) this.later((attempt) => attempt.start(), PAUSE_LAST);
    else this.fail(code);
  }
}
