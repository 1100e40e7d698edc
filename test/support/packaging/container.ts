import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENVIRONMENT } from "../machine/container.ts";
import { type Outcome, runProgram } from "../process/program.ts";
import { until } from "../waiting.ts";
import type { Image } from "./image.ts";

// A handover gives the new process this time.
const PATIENCE_MS = 30_000;

/** How a container is started. */
export interface ContainerOptions {
  readonly args: readonly string[];
  /** In bytes, swap included. */
  readonly memory: number;
  /** Folders of this machine by the places that they have in the container. */
  readonly mounts: Readonly<Record<string, string>>;
}

/** A container that runs. */
export interface Container extends AsyncDisposable {
  /** The first process, by its number on this machine. */
  readonly pid: number;
  /** What it has logged. */
  log(): string;
  /** Waits until it has logged these words. */
  logged(words: string): Promise<void>;
  /** Runs a command of the image in the container. */
  exec(command: readonly string[]): Promise<Outcome>;
  /** Runs a command of this machine in the container's network. */
  inNetwork(command: readonly string[], stdin?: string): Promise<Outcome>;
  /** The most memory that the container had, in bytes, and how often it was refused more. */
  memory(): Promise<{ readonly most: number; readonly refused: number }>;
  /** Sends TERM, waits for the end and returns the exit status. */
  stop(): Promise<number>;
}

/**
 * Runs an image as `docker run --read-only --cap-drop=ALL --security-opt=no-new-privileges` does,
 * by runc, which Docker and Kubernetes use.
 */
export async function startContainer(
  image: Image,
  folder: string,
  options: ContainerOptions,
): Promise<Container> {
  const bundle = mkdtempSync(join(folder, "bundle-"));
  const name = `relay-test-${crypto.randomUUID().slice(0, 8)}`;
  const state = join(bundle, "state");
  const logFile = join(bundle, "log");
  writeFileSync(logFile, "");
  writeFileSync(join(bundle, "config.json"), JSON.stringify(configuration(image, name, options)));
  mkdirSync(state);
  const runc = ["runc", `--root=${state}`];
  const child = Bun.spawn([...runc, "run", `--bundle=${bundle}`, name], {
    env: ENVIRONMENT,
    stdin: "ignore",
    stdout: Bun.file(logFile),
    stderr: Bun.file(logFile),
  });
  const log = () => readFileSync(logFile, "utf8");
  const logged = (words: string) =>
    until(
      () => {
        if (child.exitCode !== null) throw new Error(`the container ended: ${log()}`);
        return log().includes(words);
      },
      () => `"${words}" in the log of the container: ${log()}`,
      PATIENCE_MS,
    );
  const call = (...words: readonly string[]) =>
    runProgram([...runc, ...words], { env: ENVIRONMENT });
  try {
    await logged("listening on");
    const pid = pidOf((await call("state", name)).stdout);
    return {
      pid,
      log,
      logged,
      exec: (command) => call("exec", name, ...command),
      inNetwork: (command, stdin = "") =>
        runProgram(["nsenter", `--target=${pid}`, "--net", "--", ...command], {
          env: ENVIRONMENT,
          stdin,
        }),
      async memory() {
        const events: unknown = JSON.parse((await call("events", "--stats", name)).stdout);
        return memoryOf(events);
      },
      async stop() {
        await call("kill", name, "TERM");
        return child.exited;
      },
      async [Symbol.asyncDispose]() {
        await call("delete", "--force", name);
        await child.exited;
      },
    };
  } catch (error) {
    await call("delete", "--force", name);
    await child.exited;
    throw error;
  }
}

function configuration(image: Image, name: string, options: ContainerOptions) {
  const { uid, gid, root, volume, entrypoint } = image;
  const mounts = Object.entries(options.mounts).map(([destination, source]) => ({
    ...{ destination, source, type: "bind", options: ["bind", "nosuid", "nodev"] },
  }));
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid, gid },
      args: [...entrypoint, ...options.args],
      env: ["PATH=/usr/bin"],
      cwd: "/",
      // None: https://github.com/opencontainers/runtime-spec, config.md.
      capabilities: {},
      noNewPrivileges: true,
    },
    root: { path: root, readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      {
        ...{ destination: "/dev", type: "tmpfs", source: "tmpfs" },
        options: ["nosuid", "mode=755", "size=65536k"],
      },
      {
        ...{ destination: volume, type: "tmpfs", source: "tmpfs" },
        options: ["nosuid", "nodev", "noexec", ...ownerAndMode(join(root, volume))],
      },
      ...mounts,
    ],
    linux: {
      cgroupsPath: `/${name}`,
      resources: {
        devices: [{ allow: false, access: "rwm" }],
        memory: { limit: options.memory, swap: options.memory },
      },
      namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
    },
  };
}

/** The owner and mode of a folder as mount options. A new volume of Docker takes over both. */
function ownerAndMode(folder: string): readonly string[] {
  const { uid, gid, mode } = statSync(folder);
  return [`uid=${uid}`, `gid=${gid}`, `mode=${(mode & 0o7777).toString(8)}`];
}

function pidOf(state: string): number {
  const value: unknown = JSON.parse(state);
  if (typeof value !== "object" || value === null || !("pid" in value)) throw new Error(state);
  return Number(value.pid);
}

function memoryOf(events: unknown): { most: number; refused: number } {
  const usage = member(member(member(events, "data"), "memory"), "usage");
  return { most: Number(member(usage, "max")), refused: Number(member(usage, "failcnt")) };
}

function member(value: unknown, name: string): unknown {
  const found = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return found.find(([key]) => key === name)?.[1];
}
