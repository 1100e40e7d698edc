import { errnoWords, errorCode } from "../../os/errno.ts";
import { Channel } from "./channel.ts";
import { HandoverError } from "./handover-error.ts";
import { withRequest } from "./handover-variable.ts";
import { type FromEarlier, type FromLater, readFromLater } from "./messages.ts";
import { ShapeError } from "./read-json.ts";

/** How long a new process may take until it accepts clients, in milliseconds. */
const PATIENCE = 30_000;

/** How long a new process that was asked to end may take before it is killed, in milliseconds. */
const LAST_PATIENCE = 2_000;

/** How to start a successor. */
export interface SuccessorStart {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The descriptors that the document numbers 4, 5 and so on. */
  readonly descriptors: readonly number[];
  /** The first message to the new process. */
  readonly document: Extract<FromEarlier, { kind: "document" }>;
  /** Ends the new process when aborted. */
  readonly signal: AbortSignal;
  /** How long the new process may take until it accepts clients, in milliseconds. Default: 30 s. */
  readonly patience?: number;
  /** Called with the child process that starts the successor and ends soon. */
  readonly spawned?: (child: { readonly pid: number; readonly exited: Promise<number> }) => void;
}

/** Receives the messages of a successor after it has taken over. */
export interface SuccessorListener {
  message(message: FromLater): void;
  /** No later process is left. Called once. */
  gone(): void;
}

/** A process that accepts clients from the same sockets and is ready to take over. */
export interface Successor {
  readonly pid: number;
  /** The indices of the document's listeners that it uses. */
  readonly claimed: ReadonlySet<number>;
  send(message: FromEarlier): void;
  /** Tells the successor that it will not take over: it finishes its connections and ends. */
  giveUp(): void;
  /** Sends later messages to `listener`. */
  follow(listener: SuccessorListener): void;
}

/**
 * Starts a successor, and waits until it accepts clients.
 *
 * @throws {HandoverError} if it fails; the message is the reason, and none of its processes is
 * left.
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
      // Its own session and process group: all its processes can then be ended together, and a
      // terminal's signals reach only the first process, which passes them on.
      detached: true,
    });
  } catch (error) {
    const code = errorCode(error);
    throw new HandoverError(`cannot start ${command[0] ?? ""}: ${errnoWords(code)} (${code})`);
  }
}

/** Ends the successor's processes: asks first, and kills those that do not end soon. */
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
    // All its processes have ended.
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
    // Once `ready` has settled, later failures are irrelevant.
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
        // Ignore messages that only another version understands.
        if (message !== null && !(message instanceof ShapeError)) listener.message(message);
      },
      closed: () => listener.gone(),
    });
  }

  /** The started process has ended, and no process has the channel any more. */
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
    // Later messages are for the listener of `follow`.
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
