import { dirname } from "node:path";
import { boot, entering, ENVIRONMENT } from "./container.ts";
import { canHaveRoot, machineRoot } from "./machine-root.ts";
import { type Need, program, root } from "./parts.ts";
import { type Outcome, type Program, runProgram, startProgram } from "../process/program.ts";

/** What a machine needs of the one that the tests run on. */
export const MACHINE_NEEDS: readonly Need[] = [
  root,
  ...["systemd-nspawn", "nsenter", "setpriv", "unshare", "debootstrap"].map(program),
  { name: "an apt source of the machine's Debian", present: canHaveRoot },
];

/** A Debian with a booted systemd, in namespaces of its own, with nothing but loopback. */
export interface Machine extends AsyncDisposable {
  /** Runs a command, or a line for `sh -c`, as root in the machine. Any exit code is an answer. */
  run(command: Command, options?: MachineRunOptions): Promise<Outcome>;
  /** As `run`, and gives what it wrote to standard output. Rejects where the code is not 0. */
  succeed(command: Command, options?: MachineRunOptions): Promise<string>;
  /** Starts a command that ends when its standard input does. */
  start(command: Command): Program;
  /** Stops the machine's first process, its systemd, until disposed. */
  freezeManager(): Disposable;
  /** Writes a file, its folder too where there is none. */
  write(path: string, content: string | Blob, mode?: number): Promise<void>;
  /** Copies a file of this side into the machine. */
  copyIn(file: string, path: string, mode?: number): Promise<void>;
  /** What a unit's processes, and systemd about it, wrote to the journal, the oldest first. */
  journal(unit: string): Promise<JournalEntry[]>;
  /** A property as `systemctl show` gives it; empty where there is none of that name. */
  show(unit: string, property: string): Promise<string>;
  /**
   * Waits until a property is as wanted, and gives it. Rejects after `patience` ms, 10,000 if not
   * told.
   */
  reaches(
    unit: string,
    property: string,
    wanted: string | RegExp,
    patience?: number,
  ): Promise<string>;
}

/** Words as they are, or a line for the shell. */
export type Command = readonly string[] | string;

export interface MachineRunOptions {
  readonly stdin?: string | Blob;
  /** Who runs it; root if not told. */
  readonly user?: string;
  /** Milliseconds until it is killed and told of as a failure; 60,000 if not told. */
  readonly patience?: number;
}

export interface JournalEntry {
  readonly message: string;
  /** 0, emergency, to 7, debug: syslog(3) */
  readonly priority: number;
  /** The process that wrote it. */
  readonly pid: number;
}

// Properties and states of another init announce themselves to nobody outside its bus.
const LOOK_EVERY_MS = 20;

/**
 * Boots a machine. Its files are Debian's, with a layer in memory above that goes with it.
 *
 * @throws with what it said on its console, where it does not come up.
 */
export async function bootMachine(): Promise<Machine> {
  const directory = await machineRoot();
  const resources = new AsyncDisposableStack();
  try {
    const leader = await boot(directory, resources);
    return new BootedMachine(leader, resources);
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}

class BootedMachine implements Machine {
  readonly #leader: number;
  readonly #resources: AsyncDisposableStack;

  constructor(leader: number, resources: AsyncDisposableStack) {
    this.#leader = leader;
    this.#resources = resources;
  }

  run(command: Command, options: MachineRunOptions = {}): Promise<Outcome> {
    const { user, ...rest } = options;
    const words = entering(this.#leader, wordsOf(command), user);
    return runProgram(words, { env: ENVIRONMENT, ...rest });
  }

  async succeed(command: Command, options: MachineRunOptions = {}): Promise<string> {
    const outcome = await this.run(command, options);
    if (outcome.code === 0) return outcome.stdout;
    const words = `${outcome.stdout}${outcome.stderr}`.trim();
    throw new Error(`exit code ${outcome.code} in the machine: ${String(command)}\n${words}`);
  }

  start(command: Command): Program {
    return startProgram(entering(this.#leader, wordsOf(command)), ENVIRONMENT);
  }

  freezeManager(): Disposable {
    process.kill(this.#leader, "SIGSTOP");
    return { [Symbol.dispose]: () => void process.kill(this.#leader, "SIGCONT") };
  }

  // From within: an absolute link, as /var/run is, would lead out of /proc/PID/root.
  async write(path: string, content: string | Blob, mode = 0o644): Promise<void> {
    const script = 'mkdir -p "$1" && cat > "$2" && chmod "$3" "$2"';
    const words = [dirname(path), path, mode.toString(8)];
    await this.succeed(["sh", "-c", script, "write", ...words], { stdin: content });
  }

  copyIn(file: string, path: string, mode?: number): Promise<void> {
    return this.write(path, Bun.file(file), mode);
  }

  async journal(unit: string): Promise<JournalEntry[]> {
    await this.succeed(["journalctl", "--sync"]);
    const words = ["--no-pager", "--output=json", "--all", `--unit=${unit}`];
    const lines = await this.succeed(["journalctl", ...words]);
    return lines.split("\n").filter(Boolean).map(parseEntry);
  }

  async show(unit: string, property: string): Promise<string> {
    const words = ["show", "--value", `--property=${property}`, unit];
    return (await this.succeed(["systemctl", ...words])).trimEnd();
  }

  async reaches(
    unit: string,
    property: string,
    wanted: string | RegExp,
    patience = 10_000,
  ): Promise<string> {
    const start = performance.now();
    for (;;) {
      const value = await this.show(unit, property);
      if (typeof wanted === "string" ? value === wanted : wanted.test(value)) return value;
      if (performance.now() - start > patience)
        throw new Error(`${property} of ${unit} is "${value}", not ${wanted}, for ${patience} ms`);
      await Bun.sleep(LOOK_EVERY_MS);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

function wordsOf(command: Command): readonly string[] {
  return typeof command === "string" ? ["sh", "-c", command] : command;
}

function parseEntry(line: string): JournalEntry {
  const entry: unknown = JSON.parse(line);
  const fields = new Map(typeof entry === "object" && entry !== null ? Object.entries(entry) : []);
  return {
    message: text(fields.get("MESSAGE")),
    priority: Number(fields.get("PRIORITY")),
    pid: Number(fields.get("_PID")),
  };
}

// journalctl gives what is not printable as an array of bytes.
function text(value: unknown): string {
  if (Array.isArray(value)) return new TextDecoder().decode(Uint8Array.from(value));
  return typeof value === "string" ? value : "";
}
