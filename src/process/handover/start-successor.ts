import { statSync } from "node:fs";
import { errnoWords, errorCode } from "../../os/errno.ts";
import { Channel } from "./handover-channel.ts";
import { HandoverError } from "./handover-error.ts";
import { withRequest } from "./handover-variable.ts";
import { type FromEarlier, type FromLater, readFromLater } from "./handover-messages.ts";
import { ShapeError } from "./read-json.ts";

/**
 * The time, in milliseconds, within which a new process must accept clients. Otherwise its start
 * has failed.
 */
const PATIENCE = 30_000;

/**
 * The time, in milliseconds, within which a new process must end after it was asked to end. A
 * process that takes longer is killed.
 */
const LAST_PATIENCE = 2_000;

/**
 * This process starts a child, and the child starts the successor and then ends. After the
 * successor is ready, this process waits at most this time, in milliseconds, for the end of the
 * child.
 */
const CHILD_PATIENCE = 1_000;

/** The options for the start of a successor. */
export interface SuccessorStart {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * The descriptors of this process that the successor gets. In the successor they have the numbers
   * 4, 5 and so on, in the order of this list. The handover document names the descriptors by these
   * numbers.
   */
  readonly descriptors: readonly number[];
  /** The first message to the new process. */
  readonly document: Extract<FromEarlier, { kind: "document" }>;
  /**
   * If this signal is aborted before the successor is ready, the start fails and the new process is
   * ended.
   */
  readonly signal: AbortSignal;
  /** The time, in milliseconds, within which the new process must accept clients. Default: 30 s. */
  readonly patience?: number;
  /**
   * The maximum time, in milliseconds, that the start waits, after the successor is ready, for the
   * end of the child process that started the successor. If the child process still runs after this
   * time, the start succeeds nevertheless. Default: 1 s.
   */
  readonly childPatience?: number;
  /**
   * Called with the child process of this process. The child process starts the successor and then
   * ends.
   */
  readonly spawned?: (child: { readonly pid: number; readonly exited: Promise<number> }) => void;
}

/** Receives the messages of a successor after it has taken over. */
export interface SuccessorListener {
  message(message: FromLater): void;
  /** Called once, after the successor and all processes that followed it have ended. */
  gone(): void;
}

/**
 * A new process that accepts clients from the same sockets as this process and is ready to take
 * over.
 */
export interface Successor {
  readonly pid: number;
  /** The indices, in the document's list `listeners`, of the sockets that the successor uses. */
  readonly claimed: ReadonlySet<number>;
  /**
   * Whether it is known that the successor and all processes that followed it have ended. It
   * becomes known when the event loop has read the end of the channel, so ask again later, or call
   * `check`.
   */
  readonly isGone: boolean;
  /**
   * Returns if the successor still runs.
   *
   * @throws {HandoverError} if the successor has ended, so that it cannot take over
   */
  check(): Promise<void>;
  send(message: FromEarlier): void;
  /**
   * Tells the successor that it will not take over. The successor then finishes its connections and
   * ends.
   */
  giveUp(): void;
  /**
   * Sets the receiver of the successor's messages. The receiver also gets the messages that arrived
   * before `follow` was called.
   */
  follow(listener: SuccessorListener): void;
}

/**
 * Starts a successor, and waits until it accepts clients.
 *
 * @throws {HandoverError} if the start fails. The message is the reason. The error is thrown only
 *   after all processes that were started have ended.
 */
export async function startSuccessor(start: SuccessorStart): Promise<Successor> {
  const { signal, patience = PATIENCE, childPatience = CHILD_PATIENCE } = start;
  const child = spawn(start);
  start.spawned?.(child);
  const starting = await StartingSuccessor.open(child.stdio[3]);
  starting.send(start.document);
  const abort = () => starting.fail("this process is to stop");
  const timer = setTimeout(() => {
    starting.fail(`the new process does not accept clients after ${patience / 1_000} s`);
  }, patience);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  void starting.gone.then(() => child.exited).then((status) => starting.ended(status));
  try {
    await starting.ready;
    // Wait for the end of the child that started the successor. This wait takes only moments. Until
    // the child has ended, the child is the successor's parent. Afterwards the service manager is
    // the successor's parent, and systemd notices only the end of its own children. So the manager
    // must not learn of the new main process earlier.
    await Promise.race([child.exited, Bun.sleep(childPatience)]);
    return starting;
  } catch (error) {
    await end(child.pid, starting);
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

function spawn({ command, environment, descriptors }: SuccessorStart) {
  if (isFolderDeleted())
    throw new HandoverError(
      "the working folder was deleted, and no new process can start there; start the relay again",
    );
  try {
    return Bun.spawn([...command], {
      env: withRequest(environment, { step: "detach", descriptors: 1 + descriptors.length }),
      stdio: ["inherit", "inherit", "inherit", "pipe", ...descriptors],
      // Give the child and the successor a session and a process group of their own, so that both
      // can be ended together (`signalGroup`). As a consequence, signals from a terminal reach only
      // the first process (`EarlierProcesses`), which passes HUP and the requests to stop on to the
      // newest process.
      detached: true,
    });
  } catch (error) {
    const code = errorCode(error);
    throw new HandoverError(`cannot start ${command[0] ?? ""}: ${errnoWords(code)} (${code})`);
  }
}

/**
 * Whether the working folder was deleted. In a deleted folder Bun refuses to start, with a message
 * of its own, before any code of this program runs (Bun 1.4.5). An executable that is built with
 * `--compile-exec-argv=--cwd=/proc/self/cwd` would start in a deleted folder. But it would not
 * start in a folder that the user may not enter, for example in /root after `sudo -u USER`.
 */
function isFolderDeleted(): boolean {
  return statSync(".", { throwIfNoEntry: false })?.nlink === 0;
}

/**
 * Ends the started processes: asks them to end, and kills those that have not ended after
 * `LAST_PATIENCE`.
 */
async function end(group: number, starting: StartingSuccessor): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    signalGroup(group, signal);
    await Promise.race([starting.gone, Bun.sleep(LAST_PATIENCE)]);
  }
  starting[Symbol.dispose]();
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    // ESRCH: all processes of the group have ended.
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

class StartingSuccessor implements Successor, Disposable {
  readonly ready: Promise<void>;
  /** Settles when no other process has the other end of the channel open any more. */
  readonly gone: Promise<void>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #channel: Channel;
  #pid = 0;
  #hasFailed = false;
  #claimed: ReadonlySet<number> = new Set();

  private constructor(channel: Channel) {
    this.#channel = channel;
    this.ready = this.#ready.promise;
    this.gone = this.#gone.promise;
    // Handle the rejection here, because the start may fail before `startSuccessor` awaits `ready`.
    // Without this handler, Bun would report an unhandled rejection.
    this.ready.catch(() => {});
  }

  static async open(fd: unknown): Promise<StartingSuccessor> {
    if (typeof fd !== "number") throw new HandoverError("there is no channel to the new process");
    const starting = new StartingSuccessor(await Channel.open(fd));
    starting.#channel.listen({
      message: (value) => starting.#heard(understood(value)),
      closed: () => starting.#gone.resolve(),
    });
    return starting;
  }

  get pid(): number {
    return this.#pid;
  }

  get claimed(): ReadonlySet<number> {
    return this.#claimed;
  }

  get isGone(): boolean {
    return this.#channel.fd < 0;
  }

  async check(): Promise<void> {
    // Wait until the event loop has polled its descriptors, because it may not have read the end of
    // the channel yet. The first immediate may run before the poll, the second runs after it.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    if (this.isGone) throw new HandoverError("the new process ended before it took over");
  }

  send(message: FromEarlier): void {
    this.#channel.send(message);
  }

  giveUp(): void {
    this.#channel.send({ kind: "givenUp" });
    this.#channel[Symbol.dispose]();
  }

  follow(listener: SuccessorListener): void {
    this.#channel.listen({
      message(value) {
        const message = understood(value);
        // Ignore messages that only another version of this program understands.
        if (message !== null && !(message instanceof ShapeError)) listener.message(message);
      },
      closed: () => listener.gone(),
    });
  }

  /**
   * Fails the start, because the child process has ended with the exit status `status`, and no
   * process has the other end of the channel open any more.
   */
  ended(status: number): void {
    const how = status === 0 ? "" : ` with status ${status}`;
    this.fail(`the new process ended${how} before it accepted clients`);
  }

  fail(reason: string): void {
    this.#hasFailed = true;
    this.#ready.reject(new HandoverError(reason));
  }

  [Symbol.dispose](): void {
    this.#channel[Symbol.dispose]();
  }

  #heard(message: FromLater | ShapeError | null): void {
    if (message instanceof ShapeError)
      this.fail(`the new process said what this one does not understand (${message.message})`);
    else if (message?.kind === "failed") this.fail(message.reason);
    else if (message?.kind === "ready") this.#accepts(message.pid, message.claimed);
  }

  #accepts(pid: number, claimed: readonly number[]): void {
    // After a failure the listener must stay: `gone` settles only if the listener gets the call
    // `closed`, and `end` waits for `gone`.
    if (this.#hasFailed) return;
    this.#pid = pid;
    this.#claimed = new Set(claimed);
    // Keep later messages for the listener that `follow` sets.
    this.#channel.listen(null);
    this.#ready.resolve();
  }
}

function understood(value: unknown): FromLater | ShapeError | null {
  try {
    return readFromLater(value);
  } catch (error) {
    if (error instanceof ShapeError) return error;
    throw error;
  }
}
