import { unixAddress } from "../../address/socket-address.ts";
import { EAGAIN, errnoCode } from "../../os/errno.ts";
import { AF_UNIX, type Libc, SOCK_DGRAM } from "../../os/libc.ts";
import { encodeJournalEntry } from "./journal-entry.ts";
import type { LogEntry } from "./line-formats.ts";
import type { LogOutput } from "./log-output.ts";

const JOURNAL_SOCKET = "/run/systemd/journal/socket";

// Bytes of entries that may wait for the journal.
const ROOM = 1024 * 1024;

// A full queue of datagrams has no event without polling.
const RETRY_MS = 20;

// How long the journal may take from reading an entry to looking at the process that sent it.
const LOOK_MS = 20;

/**
 * Sends entries to the systemd journal, fields and all. The journal's queue may be full: entries then
 * wait here, up to 1 MiB, and further ones are dropped and counted. Nothing blocks.
 */
export class JournalSink implements LogOutput {
  readonly #libc: Libc;
  readonly #path: string;
  readonly #recovered: (lost: number) => void;
  #fd: number;
  #waiting: Uint8Array[] = [];
  /** Bytes of `#waiting`. */
  #held = 0;
  #lost = 0;
  /** Those of `#lost` that `#recovered` was not told of. */
  #untold = 0;
  /** Runs exactly while entries wait. */
  #retry: Timer | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  private constructor(system: Libc, path: string, fd: number, recovered: (lost: number) => void) {
    this.#libc = system;
    this.#path = path;
    this.#fd = fd;
    this.#recovered = recovered;
  }

  /**
   * The journal of this machine; null if it cannot be reached.
   *
   * @param recovered - called with the number of lost entries once entries come through again
   */
  static open(
    system: Libc,
    recovered: (lost: number) => void,
    path = JOURNAL_SOCKET,
  ): JournalSink | null {
    const fd = connect(system, path);
    return fd < 0 ? null : new JournalSink(system, path, fd, recovered);
  }

  get lost(): number {
    return this.#lost;
  }

  write(entry: LogEntry): void {
    const bytes = encodeJournalEntry(entry);
    if (this.#retry === undefined && this.#send(bytes)) return;
    if (this.#held + bytes.length > ROOM) return this.#lose();
    this.#held += bytes.length;
    this.#waiting.push(bytes);
    this.#retry ??= setTimeout(() => this.#sendWaiting(), RETRY_MS);
  }

  /**
   * As of any output; settles when the journal has read the entries, and has had time to look at this
   * process: of a process that has ended the journal cannot tell the unit.
   */
  async flush(limit: number): Promise<void> {
    const until = performance.now() + limit;
    if (this.#retry !== undefined) {
      this.#idle ??= Promise.withResolvers();
      await Promise.race([this.#idle.promise, Bun.sleep(limit)]);
    }
    while (this.#libc.unsent(this.#fd) > 0 && performance.now() < until) await Bun.sleep(1);
    await Bun.sleep(LOOK_MS);
  }

  /** False if the entry has to wait. One that the journal will never take is lost. */
  #send(bytes: Uint8Array): boolean {
    let result = this.#libc.send(this.#fd, bytes);
    if (result < 0 && isDisconnected(result)) result = this.#sendAnew(bytes);
    if (result === -EAGAIN) return false;
    if (result < 0) this.#lose();
    else this.#tell();
    return true;
  }

  /** The journal was started anew, with another socket. */
  #sendAnew(bytes: Uint8Array): number {
    this.#libc.close(this.#fd);
    this.#fd = connect(this.#libc, this.#path);
    return this.#fd < 0 ? this.#fd : this.#libc.send(this.#fd, bytes);
  }

  #sendWaiting(): void {
    this.#retry = undefined;
    const entries = this.#waiting;
    let sent = 0;
    for (const bytes of entries) {
      if (!this.#send(bytes)) break;
      this.#held -= bytes.length;
      sent += 1;
    }
    this.#waiting = entries.slice(sent);
    if (this.#waiting.length > 0) {
      this.#retry = setTimeout(() => this.#sendWaiting(), RETRY_MS);
      return;
    }
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #lose(): void {
    this.#lost += 1;
    this.#untold += 1;
  }

  #tell(): void {
    const lost = this.#untold;
    this.#untold = 0;
    if (lost > 0) this.#recovered(lost);
  }
}

/** A socket whose datagrams go to a path, or a negative errno. */
function connect(system: Libc, path: string): number {
  const fd = system.socket(AF_UNIX, SOCK_DGRAM);
  if (fd < 0) return fd;
  const result = system.connect(fd, unixAddress(path).bytes);
  if (result >= 0) return fd;
  system.close(fd);
  return result;
}

function isDisconnected(errno: number): boolean {
  return ["ECONNREFUSED", "ENOTCONN", "EBADF"].includes(errnoCode(errno));
}
