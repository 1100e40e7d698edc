import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../../..");
const executable = join(root, "dist/simpletcpunixrelay");

/**
 * Milliseconds by which log lines reach the tests late. A test that reads the log without waiting
 * for the line that it needs fails with `LOG_DELAY_MS=500`.
 */
const LOG_DELAY_MS = Number(process.env["LOG_DELAY_MS"] ?? 0);

export interface RunOptions {
  /** Added to an environment that holds PATH and nothing else. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Another file than `executablePath` gives. */
  readonly executable?: string;
  /** A command to start the executable with, as `["prlimit", "--nofile=128"]`; it must `exec`. */
  readonly prefix?: readonly string[];
}

/** How a run that ended by itself ended. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A relay that listens, in a process of its own. */
export interface RunningRelay extends AsyncDisposable {
  /** The source as bound: with the port that the system chose where 0 was asked. */
  readonly address: string;
  readonly pid: number;
  /** Settles when the process has ended, with its exit code: 128 and more for a signal. */
  readonly exited: Promise<number>;
  /**
   * The whole lines that it has logged so far. The relay collects lines before it writes them:
   * await `logged`, or the end by `stop`, before a line is asked for that the last action causes.
   */
  stderr(): string;
  /** Settles when neither it nor a process that it started can log any more. */
  readonly logEnded: Promise<void>;
  /** Settles as soon as whole lines that it logged match; rejects when it ends without that. */
  logged(pattern: RegExp): Promise<void>;
  /**
   * Sends a signal, TERM if not told, and waits for the process to end; unless it is killed, also
   * for the end of its log.
   */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

/**
 * The compiled executable's path. It is built first where there is none or a file that goes into it
 * is newer.
 */
export async function executablePath(): Promise<string> {
  if (!isFresh()) {
    const build = Bun.spawn([process.execPath, "build.ts"], { cwd: root, stderr: "pipe" });
    const [code, stderr] = await Promise.all([build.exited, new Response(build.stderr).text()]);
    if (code !== 0) throw new Error(`the executable cannot be built: ${stderr}`);
  }
  return executable;
}

/** Runs the executable to its end. Never for a command line that starts a relay. */
export async function runRelay(
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const child = spawn(await executablePath(), args, options);
  try {
    const [code, stdout, stderr] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { code, stdout, stderr };
  } finally {
    child.kill("SIGKILL");
  }
}

/**
 * Starts a relay and waits until it listens. It logs JSON unless `args` has a `--log-format`; then
 * the address is read from the words.
 *
 * @throws with what the process said, when it ends without listening.
 */
export async function startRelay(
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunningRelay> {
  const json = !args.some((arg) => arg.startsWith("--log-format"));
  const child = spawn(
    options.executable ?? (await executablePath()),
    json ? ["--log-format=json", ...args] : args,
    options,
  );
  const log = new Log(child.stderr);
  const kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  try {
    const address = await log.find(json ? addressInJson : addressInWords);
    if (address === undefined) {
      throw new Error(`the relay ended with ${await child.exited}: ${log.text}`);
    }
    return {
      address,
      pid: child.pid,
      exited: child.exited,
      stderr: () => log.lines,
      logEnded: log.ended,
      logged: async (pattern) => {
        if ((await log.find(() => pattern.exec(log.lines)?.[0])) === undefined)
          throw new Error(`the relay ended without logging ${pattern}: ${log.text}`);
      },
      stop: async (signal = "SIGTERM") => {
        child.kill(signal);
        const code = await child.exited;
        // Processes that a killed one started may live on.
        if (signal !== "SIGKILL") await log.ended;
        return code;
      },
      [Symbol.asyncDispose]: kill,
    };
  } catch (error) {
    await kill();
    throw error;
  }
}

/**
 * Connects and waits for the other side to end it, which may be before this side knows it is open.
 */
export async function turnedAway(
  address: { readonly unix: string } | { readonly hostname: string; readonly port: number },
): Promise<void> {
  const closed = Promise.withResolvers<void>();
  const socket = { data() {}, close: () => closed.resolve() };
  try {
    await ("unix" in address
      ? Bun.connect({ unix: address.unix, socket })
      : Bun.connect({ hostname: address.hostname, port: address.port, socket }));
  } catch (error) {
    // That nobody listens is another matter than a connection that was ended.
    if (error instanceof Error && "code" in error && error.code === "ECONNRESET") return;
    throw error;
  }
  await closed.promise;
}

/** What a process writes, read as it comes. */
class Log {
  text = "";
  readonly ended: Promise<void>;
  #ended = false;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.ended = this.#read(stream);
  }

  /** The text without a last line that is still being written. */
  get lines(): string {
    return this.#ended ? this.text : this.text.slice(0, this.text.lastIndexOf("\n") + 1);
  }

  /** What `look` finds in the text, as soon as it does; `undefined` when the text ends without. */
  async find(look: (text: string) => string | undefined): Promise<string | undefined> {
    for (;;) {
      const found = look(this.text);
      if (found !== undefined || this.#ended) return found;
      await this.#wake.promise;
    }
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let delivered = Promise.resolve();
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      if (LOG_DELAY_MS === 0) this.#append(text);
      else delivered = Bun.sleep(LOG_DELAY_MS).then(() => this.#append(text));
    }
    await delivered;
    this.#ended = true;
    this.#append("");
  }

  #append(text: string): void {
    this.text += text;
    const woken = this.#wake;
    this.#wake = Promise.withResolvers();
    woken.resolve();
  }
}

function addressInJson(log: string): string | undefined {
  // The last piece is a line that is still being written.
  for (const line of log.split("\n").slice(0, -1)) {
    if (!line.startsWith("{")) continue;
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null) continue;
    if (!("event" in entry) || entry.event !== "listening") continue;
    if ("source" in entry && typeof entry.source === "string") return entry.source;
  }
  return undefined;
}

function addressInWords(log: string): string | undefined {
  return /listening on (.*), relaying to .*\n/.exec(log)?.[1];
}

function spawn(path: string, args: readonly string[], options: RunOptions) {
  return Bun.spawn([...(options.prefix ?? []), path, ...args], {
    // An empty environment but for PATH: nothing of the machine that runs the tests leaks in.
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

function isFresh(): boolean {
  const built = modified(executable);
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  const inputs = [...sources.map((name) => `src/${name}`), "build.ts", "package.json", "bun.lock"];
  return inputs.every((name) => modified(join(root, name)) < built);
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
