/** How a program ended, and what it wrote. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs beside the test and talks with it in lines. */
export interface Program {
  /** The next line of its standard output. Rejects when it has ended instead. */
  line(): Promise<string>;
  /** Writes a line to its standard input. */
  say(line: string): Promise<void>;
  /** Closes its standard input, by which programs of the tests know to end, and waits for that. */
  finish(): Promise<Outcome>;
}

/** Environment and patience of a run. */
export interface RunOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string | Blob;
  /** Milliseconds until it is killed and told of as a failure; 60,000 if not told. */
  readonly patience?: number;
}

/** Runs a program to its end. */
export async function runProgram(argv: readonly string[], options: RunOptions): Promise<Outcome> {
  const { env, cwd, stdin = "", patience = 60_000 } = options;
  const child = Bun.spawn([...argv], {
    env,
    ...(cwd !== undefined && { cwd }),
    stdin: typeof stdin === "string" ? new Blob([stdin]) : stdin,
    stdout: "pipe",
    stderr: "pipe",
    timeout: patience,
    killSignal: "SIGKILL",
  });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (child.signalCode === "SIGKILL")
    throw new Error(`killed, perhaps after ${patience} ms: ${argv.join(" ")}\n${stdout}${stderr}`);
  return { code, stdout, stderr };
}

/** Starts a program that reads its standard input to the end. */
export function startProgram(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Program {
  const child = Bun.spawn([...argv], { env, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  const lines = linesOf(child.stdout);
  const stderr = new Response(child.stderr).text();
  return {
    async line() {
      const next = await lines.next();
      if (next.done === true)
        throw new Error(`ended with ${await child.exited}: ${argv.join(" ")}\n${await stderr}`);
      return next.value;
    },
    async say(line) {
      await child.stdin.write(`${line}\n`);
      await child.stdin.flush();
    },
    async finish() {
      await child.stdin.end();
      const rest = await Array.fromAsync(lines);
      return { code: await child.exited, stdout: rest.join("\n"), stderr: await stderr };
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let begun = "";
  for await (const chunk of stream) {
    const lines = (begun + decoder.decode(chunk, { stream: true })).split("\n");
    begun = lines.pop() ?? "";
    yield* lines;
  }
  if (begun !== "") yield begun;
  return undefined;
}
