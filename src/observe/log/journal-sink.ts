import { unixAddress } from "../../address/socket-address.ts";
import { EAGAIN, errnoCode } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { AF_UNIX, SOCK_DGRAM } from "../../os/linux-constants.ts";
import { encodeJournalEntry } from "./journal-entry.ts";
import type { LogEntry } from "./line-formats.ts";
import { infoOf, type LogOutput } from "./log-output.ts";
import type { TextBuffer } from "./text-buffer.ts";

const JOURNAL_SOCKET = "/run/systemd/journal/socket";

// The maximum number of bytes of entries that wait for the journal.
const ROOM = 1024 * 1024;

// The time between two tries to send while the journal's queue is full. Bun sends no event when a
// datagram socket has room again.
const RETRY_MS = 20;

// The time that `flush` gives the journal after the journal has read an entry, in milliseconds. In
// this time the journal looks up the sending process in /proc.
const LOOK_MS = 20;

/**
 * Sends entries with their fields to the systemd journal. While the journal's queue is full, up to
 * 1 MiB of entries waits in this process; further entries are dropped and counted. No call blocks.
 */
export class JournalSink implements LogOutput {
  readonly writesFields = true;
  readonly #libc: Libc;
  readonly #path: string;
  readonly #recovered: (lost: number) => void;
  #fd: number;
  #waiting: Uint8Array[] = [];
  /** The number of bytes in `#waiting`. */
  #held = 0;
  #lost = 0;
  /** The number of lost entries that were not yet reported to `#recovered`. */
  #untold = 0;
  /** The timer of the next try to send; defined exactly while entries wait. */
  #retry: Timer | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  private constructor(system: Libc, path: string, fd: number, recovered: (lost: number) => void) {
    this.#libc = system;
    this.#path = path;
    this.#fd = fd;
    this.#recovered = recovered;
  }

  /**
   * Connects to this machine's journal; null if that fails.
   *
   * @param recovered - called when the journal takes entries again after a loss, with the number of
   * lost entries
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

  writeMessage(message: TextBuffer, relay: string): void {
    this.write(infoOf(message, relay));
  }

  /**
   * Settles when the journal has read all entries and has had time to look up this process; at the
   * latest after `limit` plus `LOOK_MS` milliseconds. The journal finds the unit of an entry only
   * while the process that sent the entry is running.
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

  /**
   * Tries to send an entry. Returns false if the journal's queue is full, so that the entry must
   * wait; else true. An entry that the journal refuses is not sent again: it counts as lost.
   */
  #send(bytes: Uint8Array): boolean {
    let result = this.#libc.send(this.#fd, bytes);
    if (result < 0 && isDisconnected(result)) result = this.#sendAnew(bytes);
    if (result === -EAGAIN) return false;
    if (result < 0) this.#lose();
    else this.#tell();
    return true;
  }

  /**
   * Connects to the journal again and sends the entry, because a restarted journal has a new
   * socket. Returns the number of sent bytes, or a negative errno.
   */
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

/** Returns a datagram socket that is connected to a path, or a negative errno. */
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
