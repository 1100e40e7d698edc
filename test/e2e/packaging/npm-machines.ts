import { mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildNpmPackages, type NpmPackage } from "../../../src/packaging/npm/build-packages.ts";
import { pack } from "../../../src/packaging/npm/pack-tarball.ts";
import { type Target, TARGETS } from "../../../src/packaging/targets.ts";
import {
  packInstalled,
  published,
  type Registry,
  startRegistry,
} from "../../support/packages/npm-registry.ts";
import { executablePath } from "../../support/process/executable.ts";
import { type Outcome, runProgram } from "../../support/process/program.ts";

/** The target that this machine is. */
export const HERE: Target = process.arch === "arm64" ? "linux-arm64" : "linux-x64";

// What npm's scripts and the launcher run; none of it is Node.js or Bun.
const SYSTEM = ["sh", "env", "uname", "readlink", "getconf"];

/** What the PATH of a machine has. */
const MACHINES = {
  node: [...SYSTEM, "node", "npm", "npx"],
  bun: [...SYSTEM, "bun", "bunx"],
} as const;
export type Machine = keyof typeof MACHINES;

/** The packages, a registry that has them, and machines that have only Node.js or only Bun. */
export class NpmMachines implements AsyncDisposable {
  readonly packages: readonly NpmPackage[];
  readonly #folder: string;
  readonly #registry: Registry;

  private constructor(folder: string, packages: readonly NpmPackage[], registry: Registry) {
    this.#folder = folder;
    this.packages = packages;
    this.#registry = registry;
  }

  static async make(): Promise<NpmMachines> {
    const folder = await mkdtemp(join(tmpdir(), "npm-machines-"));
    const packages = await buildAllPackages(join(folder, "packages"));
    for (const machine of ["node", "bun"] as const) await linkPrograms(folder, machine);
    const registry = startRegistry([
      ...(await Promise.all(packages.map((made) => published(made.folder, made.tarball)))),
      ...(await packInstalled(["@types/bun"], join(folder, "dependencies"))),
      await emptyPackage(folder, "typescript", "7.0.0"),
    ]);
    return new NpmMachines(folder, packages, registry);
  }

  /** The main package, which is made last. */
  get main(): NpmPackage {
    const main = this.packages.at(-1);
    if (main === undefined) throw new Error("no package was made");
    return main;
  }

  /** An environment with the programs of a machine, and others in front of them. */
  environment(machine: Machine, ...others: readonly string[]): Record<string, string> {
    const url = this.#registry.url;
    return {
      PATH: [...others, join(this.#folder, machine)].join(":"),
      HOME: this.#folder,
      npm_config_registry: url,
      npm_config_update_notifier: "false",
      npm_config_yes: "true",
      BUN_CONFIG_REGISTRY: url,
      BUN_INSTALL_CACHE_DIR: join(this.#folder, "bun-cache"),
    };
  }

  /** Makes a folder with an empty project. */
  async project(name: string): Promise<string> {
    const folder = join(this.#folder, "projects", name);
    await mkdir(folder, { recursive: true });
    await Bun.write(join(folder, "package.json"), '{ "type": "module" }\n');
    return folder;
  }

  /** Runs a command on a machine. */
  run(machine: Machine, cwd: string, command: readonly string[]): Promise<Outcome> {
    return runProgram(["env", ...command], { env: this.environment(machine), cwd });
  }

  /** Runs a command on a machine that must succeed, and returns its standard output. */
  async succeed(machine: Machine, cwd: string, command: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(machine, cwd, command);
    if (code !== 0) throw new Error(`${command.join(" ")} exits ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#registry[Symbol.dispose]();
    await rm(this.#folder, { recursive: true });
  }
}

/** The packages of all targets; only that of this machine has its executable. */
async function buildAllPackages(folder: string): Promise<readonly NpmPackage[]> {
  const executable = await executablePath();
  const elsewhere = join(import.meta.dir, "../../../src/packaging/npm/launcher.sh");
  return await buildNpmPackages(
    folder,
    new Map(TARGETS.map((target) => [target, target === HERE ? executable : elsewhere])),
  );
}

async function linkPrograms(folder: string, machine: Machine): Promise<void> {
  const path = join(folder, machine);
  await mkdir(path);
  for (const name of MACHINES[machine]) {
    const found = name.startsWith("bun") ? process.execPath : Bun.which(name);
    if (found === null) throw new Error(`missing on this machine: ${name}`);
    await symlink(await realpath(found), join(path, name));
  }
}

/** A package with nothing in it, in place of one that a project names and that no test uses. */
async function emptyPackage(parent: string, name: string, version: string) {
  const folder = join(parent, "empty", name);
  await Bun.write(join(folder, "package.json"), JSON.stringify({ name, version }));
  const tarball = await pack(folder, dirname(folder), { programs: [], effort: 6 });
  return await published(folder, tarball);
}
