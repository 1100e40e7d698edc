import { EAGAIN, errnoCode, errnoWords } from "../os/errno.ts";
import { type Libc, loaded } from "../os/libc.ts";
import { AF_UNIX, SOCK_DGRAM } from "../os/linux-constants.ts";
import { RelayError } from "../relay/error.ts";
import { onlyMainMayNotify } from "./notify-access.ts";
import { abstractAddress, type SocketAddress, unixAddress } from "../address/socket-address.ts";

/** The assignments of one message of sd_notify(3), such as `READY: "1"`. */
export type Assignments = Readonly<Record<string, string>>;

/** Reports the state of this service to the service manager (sd_notify(3)). */
export interface Notifier {
  /**
   * Sends assignments in one message. Never throws: if messages cannot be sent, there is one
   * warning about the first of them, and the service goes on. A full queue of the manager is no
   * failure: the message is sent again until the queue has room, and later messages wait.
   */
  notify(assignments: Assignments): void;
}

/** A notifier that keeps messages while the manager's queue is full. */
export interface QueueingNotifier extends Notifier {
  /** Whether a message waits for room in the manager's queue. */
  readonly isWaiting: boolean;
}

/**
 * The notifier for NOTIFY_SOCKET (a path, or `@name` of an abstract socket), or null if the
 * variable is not set or has another form. The variable is removed from `env`, because a child
 * process must not use it.
 *
 * Without FFI, each message starts systemd's own `systemd-notify`. The message comes from this new
 * process, which is not the service's main process, so the unit needs `NotifyAccess=all`.
 *
 * @throws {RelayError} with ENOSYS if FFI is missing and the manager would ignore the messages
 */
export function takeNotifier(
  env: NodeJS.ProcessEnv,
  warn: (message: string) => void,
): QueueingNotifier | null {
  const address = env["NOTIFY_SOCKET"];
  delete env["NOTIFY_SOCKET"];
  if (address === undefined || !/^[@/]./.test(address)) return null;
  if (loaded.libc !== null) return new DatagramNotifier(loaded.libc, address, once(warn));
  if (onlyMainMayNotify())
    throw new RelayError(
      "ENOSYS",
      address,
      `systemd would never hear that this service is ready (${loaded.reason}; in a unit without ` +
        "a .socket, NotifyAccess=all is enough)",
    );
  return new SpawningNotifier(address, once(warn));
}

// The time, in milliseconds, after which a message is sent again if the manager's queue was full.
const SEND_AGAIN = 50;

class DatagramNotifier implements QueueingNotifier {
  readonly #libc: Libc;
  readonly #address: SocketAddress;
  readonly #warn: (message: string) => void;
  /**
   * Messages that wait for room in the manager's queue, in order. Non-empty exactly while a timer
   * runs that will send the first of these messages again.
   */
  #waiting: Assignments[] = [];

  constructor(system: Libc, address: string, warn: (message: string) => void) {
    this.#libc = system;
    this.#warn = warn;
    this.#address = address.startsWith("@")
      ? abstractAddress(address.slice(1))
      : unixAddress(address);
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  notify(assignments: Assignments): void {
    const isFirst = this.#waiting.length === 0;
    // Drop a waiting message that assigns the same variables, because the newer message makes it
    // useless. So at most one message waits for each set of variables.
    this.#waiting = this.#waiting.filter((older) => !hasSameNames(older, assignments));
    this.#waiting.push(assignments);
    if (isFirst) this.#sendWaiting();
  }

  #sendWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const result = this.#send(Buffer.from(messageOf(next)));
      if (result === -EAGAIN) {
        setTimeout(() => this.#sendWaiting(), SEND_AGAIN);
        return;
      }
      this.#waiting.shift();
      if (result < 0) this.#fail(errnoCode(result));
    }
  }

  #fail(code: string): void {
    this.#warn(
      `the service manager at ${this.#address.text} cannot be told how the service is: ` +
        errnoWords(code),
    );
  }

  // Opens a new socket for each message. A socket that stays connected would fail if the manager
  // replaced its own socket, for example when the manager re-executes itself.
  #send(message: Uint8Array): number {
    const fd = this.#libc.socket(AF_UNIX, SOCK_DGRAM);
    if (fd < 0) return fd;
    const connected = this.#libc.connect(fd, this.#address.bytes);
    const sent = connected < 0 ? connected : this.#libc.send(fd, message);
    this.#libc.close(fd);
    return sent;
  }
}

function hasSameNames(one: Assignments, other: Assignments): boolean {
  return Object.keys(one).join() === Object.keys(other).join();
}

class SpawningNotifier implements QueueingNotifier {
  /** Each process `systemd-notify` sends its message by itself, so none waits here. */
  readonly isWaiting = false;
  readonly #address: string;
  readonly #warn: (message: string) => void;

  constructor(address: string, warn: (message: string) => void) {
    this.#address = address;
    this.#warn = warn;
  }

  notify(assignments: Assignments): void {
    const words = Object.entries(assignments).map(([name, value]) => `${name}=${value}`);
    const failed = (reason: string) =>
      this.#warn(`systemd-notify cannot tell the service manager how the service is: ${reason}`);
    try {
      Bun.spawn(["systemd-notify", `--pid=${process.pid}`, ...words], {
        env: { ...process.env, NOTIFY_SOCKET: this.#address },
        stdio: ["ignore", "ignore", "ignore"],
        onExit: (_child, code) => {
          if (code !== 0) failed(`exit status ${code}`);
        },
      });
    } catch (error) {
      failed(error instanceof Error ? error.message : String(error));
    }
  }
}

/**
 * Writes one assignment per line. A value cannot contain a line break (sd_notify(3)), so a space
 * replaces each line break.
 */
function messageOf(assignments: Assignments): string {
  return Object.entries(assignments)
    .map(([name, value]) => `${name}=${value.replaceAll("\n", " ")}`)
    .join("\n");
}

function once(warn: (message: string) => void): (message: string) => void {
  let warned = false;
  return (message) => {
    if (!warned) warn(message);
    warned = true;
  };
}
