import { errnoWords, errorCode } from "../../os/errno.ts";
import { Channel } from "./channel.ts";
import { HandoverError } from "./handover-error.ts";
import { withRequest } from "./handover-variable.ts";
import { type FromEarlier, type FromLater, readFromLater } from "./messages.ts";
import { ShapeError } from "./read-json.ts";

/** How long a new process may take until it accepts clients, in milliseconds. */
const PATIENCE = 30_000;

/** How long a new process that is to end may take before it is killed, in milliseconds. */
const LAST_PATIENCE = 2_000;

/** What a new process is started with. */
export interface SuccessorStart {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the document calls descriptor 4, 5 and so on. */
  readonly descriptors: readonly number[];
  /** What the new process is told first. */
  readonly document: Extract<FromEarlier, { kind: "document" }>;
  /** Once it is aborted, the new process is ended. */
  readonly signal: AbortSignal;
  /** How long the new process may take until it accepts clients, in milliseconds. Default: 30 s. */
  readonly patience?: number;
  /** Is called with the child that starts the new process, and ends soon. */
  readonly spawned?: (child: { readonly pid: number; readonly exited: Promise<number> }) => void;
}

/** Hears what a process says after it has taken this one's place. */
export interface SuccessorListener {
  message(message: FromLater): void;
  /** No later generation is left. Called once. */
  gone(): void;
}

/** A process that accepts clients from the same sockets, and is to take this one's place. */
export interface Successor {
  readonly pid: number;
  /** The indices of the document's listeners that it uses. */
  readonly claimed: ReadonlySet<number>;
  send(message: FromEarlier): void;
  /** Lets it end what it has begun, and end: it does not get this process' place. */
  giveUp(): void;
  /** From now on `listener` hears what it says. */
  follow(listener: SuccessorListener): void;
}

/**
 * Starts a process that is to take this one's place, and waits until it accepts clients.
 *
 * @throws {HandoverError} if it does not, with the reason; nothing of it is left then.
 */
export async function startSuccessor(start: SuccessorStart): Promise<Successor> {
  const { signal, patience = PATIENCE } = start;
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
  try {
    return Bun.spawn([...command], {
      env: withRequest(environment, { step: "detach", descriptors: 1 + descriptors.length }),
      stdio: ["inherit", "inherit", "inherit", "pipe", ...descriptors],
      // A session and process group of its own, by which all of it can be ended; and a terminal's
      // signals reach the first process only, which passes them on.
      detached: true,
    });
  } catch (error) {
    const code = errorCode(error);
    throw new HandoverError(`cannot start ${command[0] ?? ""}: ${errnoWords(code)} (${code})`);
  }
}

/** Ends what was started: asks, and kills what has not ended soon. */
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
    // All of it has ended.
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

class StartingSuccessor implements Successor, Disposable {
  readonly ready: Promise<void>;
  /** Settles when no process has the other end of the channel. */
  readonly gone: Promise<void>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #channel: Channel;
  #pid = 0;
  #claimed: ReadonlySet<number> = new Set();

  private constructor(channel: Channel) {
    this.#channel = channel;
    this.ready = this.#ready.promise;
    this.gone = this.#gone.promise;
    // After it has settled, later failures concern nobody.
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

  send(message: FromEarlier): void {
    this.#channel.send(message);
  }

  giveUp(): void {
    this.#channel[Symbol.dispose]();
  }

  follow(listener: SuccessorListener): void {
    this.#channel.listen({
      message(value) {
        const message = understood(value);
        // Another version may say what this one does not understand.
        if (message !== null && !(message instanceof ShapeError)) listener.message(message);
      },
      closed: () => listener.gone(),
    });
  }

  /** The process that was started has ended, and nobody has the channel any more. */
  ended(status: number): void {
    const how = status === 0 ? "" : ` with status ${status}`;
    this.fail(`the new process ended${how} before it accepted clients`);
  }

  fail(reason: string): void {
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
    this.#pid = pid;
    this.#claimed = new Set(claimed);
    // What follows is for those who follow it.
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
