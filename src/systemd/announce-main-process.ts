import { closeSync, readSync } from "node:fs";
import { abstractAddress, unixAddress } from "../address/socket-address.ts";
import { EAGAIN, errnoCode, errnoWords, errorCode } from "../os/errno.ts";
import type { Libc } from "../os/libc.ts";
import { AF_UNIX, SOCK_DGRAM } from "../os/linux-constants.ts";
import { monotonicMicroseconds, sendDescriptor } from "../os/calls-for-handover.ts";
import type { Assignments, QueueingNotifier } from "./notify-socket.ts";

/**
 * The maximum time, in milliseconds, of each wait for the service manager: until its queue has room
 * for a message, or until it has read the messages.
 */
const PATIENCE = 30_000;
const LOOK_EVERY = 5;

/** The way in which the service manager is told of its main process. */
export interface Announcement {
  readonly system: Libc;
  /** The value of NOTIFY_SOCKET. */
  readonly notifySocket: string;
  /** The sender of this process's other messages. Those that wait are sent first. */
  readonly notifier: Pick<QueueingNotifier, "isWaiting">;
  /** Called again and again during each wait; the wait ends as soon as it returns true. */
  isOver(): boolean;
}

/**
 * Tells the service manager at NOTIFY_SOCKET that another process of the unit is now the main
 * process, and waits until the manager has read this message. Returns null, or the reason why this
 * process cannot know whether the manager has read the message.
 *
 * The wait uses BARRIER=1 of sd_notify(3): a second message carries a descriptor, and the manager
 * closes this descriptor after it has read all earlier messages. Without the wait, this process
 * might exit before the manager has read the first message. In this case the manager would treat
 * the service as ended, and stop all processes of the service.
 *
 * @throws {MainProcessError} if the first message cannot be sent; the main process stays the same
 */
export async function announceMainProcess(
  announcement: Announcement,
  pid: number,
): Promise<string | null> {
  const { system, notifySocket } = announcement;
  const isOver = () => announcement.isOver();
  await nameMainProcess(announcement, pid);
  const ends = new Int32Array(2);
  const made = system.pipe(ends);
  if (made < 0) return wordsOf(made);
  const [reading = -1, writing = -1] = ends;
  try {
    const asked = await sends(() => send(system, notifySocket, "BARRIER=1", writing), isOver);
    if (asked < 0) return wordsOf(asked);
  } finally {
    closeSync(writing);
  }
  try {
    return (await pollUntil(() => isClosed(reading), isOver)) ? null : "it does not answer";
  } finally {
    closeSync(reading);
  }
}

/**
 * Tells the service manager that the process `pid` of the unit is now the main process. Does not
 * wait until the manager has read this message.
 *
 * @throws {MainProcessError} if the message cannot be sent; the main process stays the same
 */
export async function nameMainProcess(announcement: Announcement, pid: number): Promise<void> {
  const { system, notifySocket, notifier } = announcement;
  // Let the waiting messages go first. If RELOADING=1 came after the new main process's READY=1,
  // the manager might wait for the end of a reload that has already ended.
  const trySending = () =>
    notifier.isWaiting ? -EAGAIN : send(system, notifySocket, `MAINPID=${pid}`, null);
  const told = await sends(trySending, () => announcement.isOver());
  if (told < 0) throw new MainProcessError(wordsOf(told));
}

/** Thrown if nothing can be sent to the service manager. The text of the error is the reason. */
export class MainProcessError extends Error {
  override readonly name = "MainProcessError";
}

function wordsOf(result: number): string {
  const code = errnoCode(result);
  return `${errnoWords(code)} (${code})`;
}

/**
 * The assignments that tell the service manager that a reload begins (sd_notify(3)). To the
 * manager, a handover is a reload.
 */
export function reloading(): Assignments {
  return { RELOADING: "1", MONOTONIC_USEC: String(monotonicMicroseconds()) };
}

/**
 * Calls `trySending` again and again while the manager's queue is full, at most for `PATIENCE`
 * milliseconds and at most until `isOver` returns true. Returns the last result of `trySending`: a
 * negative errno on failure.
 */
async function sends(trySending: () => number, isOver: () => boolean): Promise<number> {
  let result = -EAGAIN;
  await pollUntil(() => {
    result = trySending();
    return result !== -EAGAIN;
  }, isOver);
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

/**
 * Calls `look` until `look` or `isOver` returns true, or until `PATIENCE` milliseconds are over.
 * Returns whether `look` returned true.
 */
async function pollUntil(look: () => boolean, isOver: () => boolean): Promise<boolean> {
  for (let waited = 0; waited < PATIENCE; waited += LOOK_EVERY) {
    if (look()) return true;
    if (isOver()) return false;
    await Bun.sleep(LOOK_EVERY);
  }
  return false;
}

/** Whether no process has the writing end of the pipe open. */
function isClosed(reading: number): boolean {
  try {
    return readSync(reading, new Uint8Array(1)) === 0;
  } catch (error) {
    if (errorCode(error) !== errnoCode(EAGAIN)) throw error;
    return false;
  }
}
