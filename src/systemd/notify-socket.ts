import { errnoWords, errnoCode } from "../os/errno.ts";
import { AF_UNIX, type Libc, libc, SOCK_DGRAM } from "../os/libc.ts";
import { abstractAddress, type SocketAddress, unixAddress } from "../address/socket-address.ts";

/** Tells the service manager how this service is, as sd_notify(3) says. */
export interface Notifier {
  /**
   * Sends assignments, as `READY: "1"`, in one message. Never throws: a state that does not arrive
   * is reported once, and the service goes on.
   */
  notify(assignments: Readonly<Record<string, string>>): void;
}

/**
 * The notifier of this process by NOTIFY_SOCKET (a path, or `@name` of an abstract socket), or null
 * where no manager asks. The variable is removed, as it means nothing to a child.
 *
 * Without FFI, systemd's own `systemd-notify` is started for each message.
 */
export function takeNotifier(
  env: NodeJS.ProcessEnv,
  warn: (message: string) => void,
): Notifier | null {
  const address = env["NOTIFY_SOCKET"];
  delete env["NOTIFY_SOCKET"];
  if (address === undefined || !/^[@/]./.test(address)) return null;
  return libc === null
    ? new SpawningNotifier(address, once(warn))
    : new DatagramNotifier(libc, address, once(warn));
}

class DatagramNotifier implements Notifier {
  readonly #libc: Libc;
  readonly #address: SocketAddress;
  readonly #warn: (message: string) => void;

  constructor(system: Libc, address: string, warn: (message: string) => void) {
    this.#libc = system;
    this.#warn = warn;
    this.#address = address.startsWith("@")
      ? abstractAddress(address.slice(1))
      : unixAddress(address);
  }

  notify(assignments: Readonly<Record<string, string>>): void {
    const result = this.#send(Buffer.from(messageOf(assignments)));
    if (result < 0)
      this.#warn(
        `the service manager at ${this.#address.text} cannot be told how the service is: ` +
          errnoWords(errnoCode(result)),
      );
  }

  // A socket a message: the manager may have been executed anew since the last one.
  #send(message: Uint8Array): number {
    const fd = this.#libc.socket(AF_UNIX, SOCK_DGRAM);
    if (fd < 0) return fd;
    const connected = this.#libc.connect(fd, this.#address.bytes);
    const sent = connected < 0 ? connected : this.#libc.send(fd, message);
    this.#libc.close(fd);
    return sent;
  }
}

class SpawningNotifier implements Notifier {
  readonly #address: string;
  readonly #warn: (message: string) => void;

  constructor(address: string, warn: (message: string) => void) {
    this.#address = address;
    this.#warn = warn;
  }

  notify(assignments: Readonly<Record<string, string>>): void {
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

/** One assignment a line; a value has no line break (sd_notify(3)). */
function messageOf(assignments: Readonly<Record<string, string>>): string {
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
