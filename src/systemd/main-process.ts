import { closeSync, readSync } from "node:fs";
import { abstractAddress, unixAddress } from "../address/socket-address.ts";
import { EAGAIN, errnoCode, errnoWords, errorCode } from "../os/errno.ts";
import { AF_UNIX, type Libc, SOCK_DGRAM } from "../os/libc.ts";
import { monotonicMicroseconds, sendDescriptor } from "../os/process-calls.ts";

/** How long the manager may take to read its messages, in milliseconds. */
const PATIENCE = 5_000;
const LOOK_EVERY = 5;

/**
 * Tells the service manager at NOTIFY_SOCKET that another process of the unit is its main process,
 * and waits until the manager knows: BARRIER=1 of sd_notify(3), a descriptor that the manager closes
 * once it has read all that came before. A manager that learns of it only after this process has
 * gone takes the service for ended. Gives null, or why that is not certain.
 */
export async function giveMainProcess(
  system: Libc,
  notifySocket: string,
  pid: number,
): Promise<string | null> {
  const ends = new Int32Array(2);
  const made = system.pipe(ends);
  if (made < 0) return wordsOf(made);
  const [reading = -1, writing = -1] = ends;
  try {
    const sent = sendBoth(system, notifySocket, pid, writing);
    if (sent < 0) return wordsOf(sent);
  } finally {
    closeSync(writing);
  }
  try {
    return (await isClosed(reading)) ? null : `it does not answer for ${PATIENCE / 1_000} s`;
  } finally {
    closeSync(reading);
  }
}

/** The assignments by which a reload begins (sd_notify(3)). */
export function reloading(): Readonly<Record<string, string>> {
  return { RELOADING: "1", MONOTONIC_USEC: String(monotonicMicroseconds()) };
}

function sendBoth(system: Libc, notifySocket: string, pid: number, barrier: number): number {
  const fd = system.socket(AF_UNIX, SOCK_DGRAM);
  if (fd < 0) return fd;
  try {
    const address = notifySocket.startsWith("@")
      ? abstractAddress(notifySocket.slice(1))
      : unixAddress(notifySocket);
    const connected = system.connect(fd, address.bytes);
    if (connected < 0) return connected;
    const sent = system.send(fd, Buffer.from(`MAINPID=${pid}`));
    return sent < 0 ? sent : sendDescriptor(fd, Buffer.from("BARRIER=1"), barrier);
  } finally {
    closeSync(fd);
  }
}

/** Waits until nobody has the other end of a pipe. */
async function isClosed(reading: number): Promise<boolean> {
  const byte = new Uint8Array(1);
  for (let waited = 0; waited < PATIENCE; waited += LOOK_EVERY) {
    if (hasEnded(reading, byte)) return true;
    await Bun.sleep(LOOK_EVERY);
  }
  return false;
}

function hasEnded(reading: number, byte: Uint8Array): boolean {
  try {
    return readSync(reading, byte) === 0;
  } catch (error) {
    if (errorCode(error) !== errnoCode(EAGAIN)) throw error;
    return false;
  }
}

function wordsOf(result: number): string {
  return errnoWords(errnoCode(result));
}
