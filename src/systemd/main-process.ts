import { closeSync, readSync } from "node:fs";
import { abstractAddress, unixAddress } from "../address/socket-address.ts";
import { EAGAIN, errnoCode, errnoWords, errorCode } from "../os/errno.ts";
import { AF_UNIX, type Libc, SOCK_DGRAM } from "../os/libc.ts";
import { monotonicMicroseconds, sendDescriptor } from "../os/process-calls.ts";
import type { Assignments } from "./notify-socket.ts";

/** How long the manager may take until it has read its messages, in milliseconds. */
const PATIENCE = 30_000;
const LOOK_EVERY = 5;

/**
 * Tells the service manager at NOTIFY_SOCKET that another process of the unit is its main process,
 * and waits until the manager knows. Gives null; or why it is not known whether the manager knows.
 *
 * The answer is BARRIER=1 of sd_notify(3): a descriptor that the manager closes once it has read all
 * that came before. A manager that learns of the new main process only after this one has gone takes
 * the service for ended, and stops all of it.
 *
 * @throws {MainProcessError} if the manager cannot be told; nothing has changed then.
 */
export async function giveMainProcess(
  system: Libc,
  notifySocket: string,
  pid: number,
): Promise<string | null> {
  const told = await sends(() => send(system, notifySocket, `MAINPID=${pid}`, null));
  if (told < 0) throw new MainProcessError(wordsOf(told));
  const ends = new Int32Array(2);
  const made = system.pipe(ends);
  if (made < 0) return wordsOf(made);
  const [reading = -1, writing = -1] = ends;
  try {
    const asked = await sends(() => send(system, notifySocket, "BARRIER=1", writing));
    if (asked < 0) return wordsOf(asked);
  } finally {
    closeSync(writing);
  }
  try {
    return (await comesTrue(() => isClosed(reading))) ? null : "it does not answer";
  } finally {
    closeSync(reading);
  }
}

/** The service manager cannot be told. The message says why. */
export class MainProcessError extends Error {
  override readonly name = "MainProcessError";
}

function wordsOf(result: number): string {
  const code = errnoCode(result);
  return `${errnoWords(code)} (${code})`;
}

/** The assignments by which a reload begins (sd_notify(3)). */
export function reloading(): Assignments {
  return { RELOADING: "1", MONOTONIC_USEC: String(monotonicMicroseconds()) };
}

/** Sends as soon as the manager's queue has room; gives the result, a negative errno if it fails. */
async function sends(trySending: () => number): Promise<number> {
  let result = -EAGAIN;
  await comesTrue(() => {
    result = trySending();
    return result !== -EAGAIN;
  });
  return result;
}

function send(system: Libc, notifySocket: string, text: string, passed: number | null): number {
  const fd = system.socket(AF_UNIX, SOCK_DGRAM);
  if (fd < 0) return fd;
  try {
    const address = notifySocket.startsWith("@")
      ? abstractAddress(notifySocket.slice(1))
      : unixAddress(notifySocket);
    const connected = system.connect(fd, address.bytes);
    if (connected < 0) return connected;
    const bytes = Buffer.from(text);
    return passed === null ? system.send(fd, bytes) : sendDescriptor(fd, bytes, passed);
  } finally {
    closeSync(fd);
  }
}

/** Looks again and again, for as long as the manager may take. */
async function comesTrue(look: () => boolean): Promise<boolean> {
  for (let waited = 0; waited < PATIENCE; waited += LOOK_EVERY) {
    if (look()) return true;
    await Bun.sleep(LOOK_EVERY);
  }
  return false;
}

/** Whether nobody has the other end of a pipe. */
function isClosed(reading: number): boolean {
  try {
    return readSync(reading, new Uint8Array(1)) === 0;
  } catch (error) {
    if (errorCode(error) !== errnoCode(EAGAIN)) throw error;
    return false;
  }
}
