import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { executablePath } from "../../support/process/executable.ts";
import { bootMachine, MACHINE_NEEDS, type Machine } from "../../support/machine/machine.ts";
import { describeNeeding } from "../../support/machine/parts.ts";
import type { Outcome, Program } from "../../support/process/program.ts";

/** Where the compiled executable is in the machine. */
export const RELAY = "/usr/local/bin/simpletcpunixrelay";

/** The folder of the machine's own units. */
export const UNITS = "/etc/systemd/system";

/** The echo service's two addresses in the machine. */
export const ECHO_PORT = "127.0.0.1:7000";
export const ECHO_PATH = "/run/echo/socket";

/** The options of a unit that starts more often in ten seconds than systemd thinks sane. */
export const NO_START_LIMIT = "StartLimitIntervalSec=0";

/** The exit status of curl where it could not connect. */
export const NOT_CONNECTED = 7;

const CLIENTS = join(import.meta.dir, "clients");
const CLIENTS_INSIDE = "/usr/local/lib/clients";

const ECHO_UNIT = `
[Service]
Type=notify
ExecStart=python3 ${CLIENTS_INSIDE}/echo.py ${ECHO_PORT} ${ECHO_PATH}
`;

// The first run on a machine makes the root; building the executable takes seconds more.
const FIRST_BOOT_MS = 240_000;

// Longer than any wait in the machine, so that what was waited for is told of.
const PATIENCE_MS = 90_000;

/**
 * A `describe` with a machine of its own, booted before its tests and ended after them, in which
 * the clients are, and an echo service that runs.
 */
export function describeMachine(title: string, body: (bench: Bench) => void): Promise<void> {
  return describeBooted(title, body, () => Promise.resolve());
}

/** As `describeMachine`, with the executable, a user `relay` and a group `clients` in it too. */
export function describeRelay(title: string, body: (bench: Bench) => void): Promise<void> {
  return describeBooted(title, body, async (machine) => {
    await machine.copyIn(await executablePath(), RELAY, 0o755);
    await machine.succeed("useradd --system relay && groupadd --system clients");
  });
}

function describeBooted(
  title: string,
  body: (bench: Bench) => void,
  furnish: (machine: Machine) => Promise<void>,
): Promise<void> {
  return describeNeeding(title, MACHINE_NEEDS, () => {
    setDefaultTimeout(PATIENCE_MS);
    const bench = new Bench();
    beforeAll(async () => {
      await bench.boot();
      await furnish(bench.machine);
    }, FIRST_BOOT_MS);
    afterAll(() => bench[Symbol.asyncDispose]());
    body(bench);
  });
}

/** What clients report: how many got what they came for, and why the others did not. */
export interface Tally {
  readonly served: number;
  readonly lost: Readonly<Record<string, number>>;
}

/** A machine, and the words of these tests for it. */
export class Bench implements AsyncDisposable {
  #machine: Machine | undefined;

  get machine(): Machine {
    if (this.#machine === undefined) throw new Error("the machine is not booted");
    return this.#machine;
  }

  async boot(): Promise<void> {
    this.#machine = await bootMachine();
    for (const file of await readdir(CLIENTS))
      await this.machine.copyIn(join(CLIENTS, file), join(CLIENTS_INSIDE, file));
    await this.install({ "echo.service": ECHO_UNIT });
    await this.systemctl("start", "echo.service");
  }

  /** Writes unit files and has systemd read them. */
  async install(units: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(units))
      await this.machine.write(`/etc/systemd/system/${name}`, text);
    await this.machine.succeed("systemctl daemon-reload");
  }

  /** Runs `systemctl`; it has to succeed. Where a unit fails, the journal is in the error. */
  async systemctl(verb: string, ...units: readonly string[]): Promise<void> {
    const outcome = await this.machine.run(["systemctl", verb, ...units]);
    if (outcome.code === 0) return;
    const journal = await this.machine.run(["journalctl", "--no-pager", "--lines=40"]);
    throw new Error(`systemctl ${verb} ${units.join(" ")}: ${outcome.stderr}\n${journal.stdout}`);
  }

  /** Runs clients to their end: a file of the folder of that name, and its arguments. */
  async clients(file: string, ...args: readonly (string | number)[]): Promise<Tally> {
    return tallyOf(await this.machine.run(clientWords(file, args)));
  }

  /** Starts clients that go on until they are finished, and waits until they are at work. */
  async startClients(file: string, ...args: readonly (string | number)[]): Promise<Program> {
    const program = this.machine.start(clientWords(file, args));
    expect(await program.line()).toBe("ready");
    return program;
  }

  /** What the service's processes wrote, and not systemd about it. */
  async said(unit: string) {
    return (await this.machine.journal(unit)).filter((entry) => entry.pid !== 1);
  }

  /** How often a unit was up since the machine booted, as systemd noted it. */
  async starts(unit: string): Promise<number> {
    const entries = await this.machine.journal(unit);
    return entries.filter(({ pid, message }) => pid === 1 && message.startsWith("Started ")).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#machine?.[Symbol.asyncDispose]();
  }
}

/** The tally that clients printed last. */
export function tallyOf(outcome: Outcome): Tally {
  if (outcome.code !== 0) throw new Error(`clients failed (${outcome.code}): ${outcome.stderr}`);
  return parseTally(outcome.stdout.trimEnd().split("\n").at(-1) ?? "");
}

/** A tally as clients print it. */
function parseTally(line: string): Tally {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null || !("served" in value) || !("lost" in value))
    throw new Error(`no tally: ${line}`);
  const lost = Object.entries(value.lost ?? {}).map(([why, count]) => [why, Number(count)]);
  return { served: Number(value.served), lost: Object.fromEntries(lost) };
}

/** The command that clients are, with their arguments. */
export function clientWords(file: string, args: readonly (string | number)[]): string[] {
  return ["python3", join(CLIENTS_INSIDE, file), ...args.map(String)];
}
