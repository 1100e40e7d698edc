import { afterAll, expect } from "bun:test";
import { constants } from "node:fs";
import { access, chmod, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { describeNeeding } from "../../support/machine/parts.ts";

/** What programs of these tests see of the environment: no proxy, no user's settings, no locale. */
const PLAIN_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/nonexistent",
  LC_ALL: "C",
};

/** Above the patience with anything in a test, so that a test says what it waited for in vain. */
export const TEST_TIMEOUT_MS = 180_000;
const PATIENCE_MS = 30_000;

/** A `describe` whose tests need programs of the system; see `describeNeeding`. */
export function describeParts(
  title: string,
  programs: readonly string[],
  body: () => void,
): Promise<void> {
  const present = async (name: string) => (await findPart(name)) !== undefined;
  const needs = programs.map((name) => ({ name, present: () => present(name) }));
  return describeNeeding(title, needs, body);
}

/**
 * The path of a program that `describeParts` named.
 *
 * @throws where it is missing after all.
 */
export async function requirePart(program: string): Promise<string> {
  const path = await findPart(program);
  if (path === undefined) throw new Error(`missing on this machine: ${program}`);
  return path;
}

// Debian keeps PostgreSQL's server programs out of PATH, in a folder a version.
async function findPart(program: string): Promise<string | undefined> {
  if (isAbsolute(program)) return program;
  const versions = await readdir("/usr/lib/postgresql").catch(() => []);
  const folders = [
    ...PLAIN_ENVIRONMENT.PATH.split(":"),
    ...versions.map((version) => `/usr/lib/postgresql/${version}/bin`),
  ];
  for (const folder of folders) {
    const path = join(folder, program);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * What the tests of a `describe` share; disposed of after the last of them, the newest first, which
 * fails where something of it does not end as it should.
 */
export function sharedResources(): AsyncDisposableStack {
  const resources = new AsyncDisposableStack();
  afterAll(() => resources.disposeAsync());
  return resources;
}

/** A folder that other users may pass through. */
export async function temporaryFolder(owner: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "relay-parts-"));
  owner.adopt(folder, () => rm(folder, { recursive: true }));
  await chmod(folder, 0o711);
  return folder;
}

/** Waits for something of the system that announces itself by no event. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > patienceMs)
      throw new Error(`waited ${patienceMs} ms in vain: ${what}`);
    await Bun.sleep(20);
  }
}

/** How a program ended, and what it wrote. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a program reads from and writes to, other than nothing and the outcome. */
export interface Plumbing {
  readonly stdin?: Blob | string;
  /** A file's path; `Outcome.stdout` is empty then. */
  readonly stdout?: string;
  readonly patienceMs?: number;
}

/** Runs a program to its end; one that takes too long is killed and told of as a failure. */
export async function run(command: readonly string[], plumbing: Plumbing = {}): Promise<Outcome> {
  const [program = "", ...rest] = command;
  const { stdin, stdout, patienceMs = 120_000 } = plumbing;
  await using child = Bun.spawn([await requirePart(program), ...rest], {
    env: PLAIN_ENVIRONMENT,
    stdin: typeof stdin === "string" ? new Blob([stdin]) : (stdin ?? "ignore"),
    stdout: stdout === undefined ? "pipe" : Bun.file(stdout),
    stderr: "pipe",
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, patienceMs);
  const output = child.stdout instanceof ReadableStream ? new Response(child.stdout).text() : "";
  const [text, errors, status] = await Promise.all([
    output,
    new Response(child.stderr).text(),
    child.exited,
  ]);
  clearTimeout(timer);
  if (late) throw new Error(`${program} was not done after ${patienceMs} ms\n${text}${errors}`);
  return { status, stdout: text, stderr: errors };
}

/** As `run`, for a program that has to succeed; gives what it wrote to standard output. */
export async function succeed(command: readonly string[], plumbing?: Plumbing): Promise<string> {
  const outcome = await run(command, plumbing);
  expect(outcome, command.join(" ")).toMatchObject({ status: 0 });
  return outcome.stdout;
}

/** A server of the system: what it is reached by, on both sides. */
export interface PartServer {
  readonly port: number;
  readonly path: string;
}

/** How to start a server that stays in the foreground. */
export interface ServerPlan {
  readonly command: (port: number) => Promise<readonly string[]>;
  /** The Unix socket that it makes. */
  readonly path: (port: number) => string;
  /** Whether it serves already; asked after both of its sockets accept. */
  readonly serves?: (server: PartServer) => Promise<boolean>;
  readonly stopSignal: NodeJS.Signals;
  /** Its output, shown where it does not start. */
  readonly log: string;
}

/**
 * Starts a server on a free port and a Unix socket, and waits until it serves on both.
 *
 * These servers cannot say which port the system gave them, so one is picked beforehand; where
 * somebody else was faster, another is tried.
 */
export async function startServer(
  plan: ServerPlan,
  owner: AsyncDisposableStack,
): Promise<PartServer> {
  for (let attempt = 1; ; attempt++) {
    const port = freePort();
    const [program = "", ...rest] = await plan.command(port);
    const child = Bun.spawn([await requirePart(program), ...rest], {
      env: PLAIN_ENVIRONMENT,
      stdin: "ignore",
      stdout: Bun.file(plan.log),
      stderr: Bun.file(plan.log),
    });
    const server = { port, path: plan.path(port) };
    await eventually(
      `${program} serves`,
      async () => child.exitCode !== null || (await isUp(child.pid, server, plan)),
    ).catch((error: unknown) => {
      child.kill("SIGKILL");
      throw error;
    });
    if (child.exitCode === null) {
      owner.defer(() => stopServer(child, plan.stopSignal, program));
      return server;
    }
    const log = await Bun.file(plan.log).text();
    if (attempt === 5 || !/in use/i.test(log))
      throw new Error(`${program} ended with ${child.exitCode}:\n${log}`);
  }
}

async function isUp(pid: number, server: PartServer, plan: ServerPlan): Promise<boolean> {
  return (
    (await ownsPort(pid, server.port)) &&
    (await accepts({ host: "127.0.0.1", port: server.port })) &&
    (await accepts({ path: server.path })) &&
    (plan.serves === undefined || (await plan.serves(server)))
  );
}

async function stopServer(
  child: Bun.Subprocess,
  signal: NodeJS.Signals,
  program: string,
): Promise<void> {
  expect(child.exitCode, `${program} died under the tests`).toBeNull();
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await child.exited;
  clearTimeout(timer);
  expect(child.signalCode, `${program} had to be killed`).not.toBe("SIGKILL");
}

/** A TCP port of loopback that nobody has at this moment. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop();
  return listener.port;
}

/** Whether anybody accepts there. */
function accepts(where: { host: string; port: number } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(where);
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

// Somebody else may have taken the port since it was picked, and then answers in the server's
// place.
async function ownsPort(pid: number, port: number): Promise<boolean> {
  const table = await readFile("/proc/net/tcp", "utf8");
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const listening = "0A";
  const inodes = table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(local) && fields[3] === listening)
    .map((fields) => `socket:[${fields[9]}]`);
  const held = await descriptors(pid);
  return inodes.some((inode) => held.includes(inode));
}

/** What a process holds open, sorted: `socket:[INODE]`, `/a/file`; empty where it is gone. */
export async function descriptors(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const numbers = await readdir(folder).catch(() => []);
  // One may close between the listing and the reading.
  const links = await Promise.all(
    numbers.map((number) => readlink(join(folder, number)).catch(() => "")),
  );
  // The process may be reading a file of /proc just now.
  return links.filter((link) => link !== "" && !link.startsWith("/proc/")).sort();
}

/** Writes `bytes` bytes whose order matters, so that a lost, doubled or swapped piece shows. */
export async function writeNoise(path: string, bytes: number): Promise<void> {
  const piece = new Uint8Array(1 << 20);
  for (let index = 0; index < piece.length; index += 1 << 16)
    crypto.getRandomValues(piece.subarray(index, index + (1 << 16)));
  const counter = new DataView(piece.buffer);
  const sink = Bun.file(path).writer();
  for (let written = 0; written < bytes; written += piece.length) {
    counter.setUint32(0, written / piece.length);
    await sink.write(piece.slice(0, bytes - written));
    await sink.flush();
  }
  await sink.end();
}

/** The SHA-256 of what a stream brings. */
async function hashOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of stream) hasher.update(chunk);
  return hasher.digest("hex");
}

/** The SHA-256 of a file. */
export function hashOfFile(path: string): Promise<string> {
  return hashOf(Bun.file(path).stream());
}
