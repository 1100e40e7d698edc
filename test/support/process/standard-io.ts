import { expect } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printAddress, type SocketEndpoint } from "../../../src/index.ts";
import { executablePath } from "./executable.ts";
import { RawListener } from "../sockets/raw-socket.ts";

const folder = mkdtempSync(join(tmpdir(), "standard-io-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

/** The executable's path. */
export const executable = await executablePath();

let names = 0;
/** A path in the temporary folder of these tests that nothing has yet. */
export const freshPath = () => join(folder, `socket-${(names += 1)}`);
export const ENV = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };

const DESTINATIONS: Readonly<Record<string, () => SocketEndpoint>> = {
  Unix: () => ({ kind: "unix", path: freshPath() }),
  TCP: () => ({ kind: "tcp", host: "127.0.0.1", port: 0 }),
};

/** What the relay's descriptors 0 and 1 are. Bun connects a child by socket pairs. */
const STREAMS = ["sockets", "pipes"] as const;
type Streams = (typeof STREAMS)[number];

export const WAYS = STREAMS.flatMap((streams) =>
  Object.keys(DESTINATIONS).map((to) => [streams, to] as const),
);

/** The two ends of a pipe, as a shell makes it: reads and writes block. */
export function pipe(): { readonly end: number; readonly start: number } {
  const path = freshPath();
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  // Opened for both, it does not wait for the other end (fifo(7)).
  const both = openSync(path, "r+");
  const ends = { end: openSync(path, "r"), start: openSync(path, "w") };
  closeSync(both);
  return ends;
}

/** A relay from this test by its standard streams to a listener of this test. */
export class StandardIo implements AsyncDisposable {
  readonly listener: RawListener;
  readonly child: Bun.Subprocess;
  readonly stdin: Bun.FileSink;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: Promise<string>;
  readonly #started: Bun.Subprocess[] = [];

  constructor(streams: Streams, to: string, options: readonly string[] = []) {
    const endpoint = DESTINATIONS[to]?.();
    if (endpoint === undefined) throw new Error(`no destination over ${to}`);
    this.listener = new RawListener(endpoint);
    const command = [executable, ...options, "-", printAddress(this.listener.endpoint)];
    if (streams === "sockets") {
      const child = Bun.spawn(command, { env: ENV, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
      this.child = child;
      this.stdin = child.stdin;
      this.stdout = child.stdout;
      this.stderr = new Response(child.stderr).text();
    } else {
      const [input, output] = [pipe(), pipe()];
      const env = ENV;
      const before = Bun.spawn(["cat"], { env, stdin: "pipe", stdout: input.start });
      const child = Bun.spawn(command, {
        env,
        stdin: input.end,
        stdout: output.start,
        stderr: "pipe",
      });
      const after = Bun.spawn(["cat"], { env, stdin: output.end, stdout: "pipe" });
      for (const fd of [input.start, input.end, output.start, output.end]) closeSync(fd);
      this.child = child;
      this.stdin = before.stdin;
      this.stdout = after.stdout;
      this.stderr = new Response(child.stderr).text();
      this.#started.push(before, after);
    }
    this.#started.push(this.child);
  }

  /** Everything that comes out of the relay. */
  async output() {
    const hash = new Bun.CryptoHasher("sha256");
    let length = 0;
    for await (const chunk of this.stdout) {
      hash.update(chunk);
      length += chunk.length;
    }
    return { length, sha256: hash.digest("hex") };
  }

  async input(bytes: Uint8Array): Promise<void> {
    await this.stdin.write(bytes);
    await this.stdin.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#started) child.kill("SIGKILL");
    this.listener.close();
    await this.child.exited;
  }
}
