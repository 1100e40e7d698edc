import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import packageJson from "../../../package.json";
import type { Target } from "../targets.ts";
import { buildDeclarations } from "./build-declarations.ts";
import { buildLibrary, buildProgram } from "./build-javascript.ts";
import {
  EXECUTABLE,
  executableManifest,
  mainManifest,
  type Manifest,
  programManifest,
} from "./package-json.ts";
import { type Effort, pack } from "./pack-tarball.ts";

const root = join(import.meta.dir, "../../..");

/** A package that is ready for `npm publish TARBALL`. */
export interface NpmPackage {
  readonly name: string;
  /** The folder with the content of the tarball. */
  readonly folder: string;
  readonly tarball: string;
}

/**
 * Writes the packages for npm into a folder, each as a folder and as a tarball: one for each
 * executable, one with the program for Bun, and last the main package. The same sources and
 * executables give the same tarballs, bit for bit. Publish the packages in this order, because the
 * main package depends on the others.
 *
 * @param executables - the path of each target's executable
 * @throws if something does not build or cannot be packed.
 */
export async function buildNpmPackages(
  destination: string,
  executables: ReadonlyMap<Target, string>,
): Promise<readonly NpmPackage[]> {
  const packages: NpmPackage[] = [];
  for (const [target, executable] of executables)
    packages.push(await buildExecutablePackage(destination, target, executable));
  packages.push(await buildProgramPackage(destination), await buildMainPackage(destination));
  return packages;
}

async function buildExecutablePackage(
  destination: string,
  target: Target,
  executable: string,
): Promise<NpmPackage> {
  const manifest = executableManifest(target);
  const folder = emptyFolder(destination, manifest.name);
  addProgram(folder, executable);
  writeFileSync(join(folder, "README.md"), pointer(manifest));
  return await finish(folder, { destination, manifest, effort: 6 });
}

async function buildProgramPackage(destination: string): Promise<NpmPackage> {
  const folder = emptyFolder(destination, programManifest().name);
  const manifest = programManifest();
  await buildProgram(join(folder, "lib"));
  writeFileSync(join(folder, "README.md"), pointer(manifest));
  return await finish(folder, { destination, manifest, effort: 12 });
}

async function buildMainPackage(destination: string): Promise<NpmPackage> {
  const folder = emptyFolder(destination, packageJson.name);
  const library = join(folder, "lib");
  await buildLibrary(library);
  await buildDeclarations(library);
  addProgram(folder, join(import.meta.dir, "launcher.sh"));
  copyFileSync(join(import.meta.dir, "package-readme.md"), join(folder, "README.md"));
  const manifest = mainManifest();
  return await finish(folder, { destination, manifest, effort: 12 });
}

/** The README of a package that users do not install directly: it names the package to install. */
function pointer({ name, description }: Manifest): string {
  return `# ${name}\n\n${description} Install \`${packageJson.name}\`.\n`;
}

function emptyFolder(destination: string, name: string): string {
  const folder = join(destination, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function addProgram(folder: string, program: string): void {
  const path = join(folder, EXECUTABLE);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(program, path);
}

interface Finish {
  readonly destination: string;
  readonly manifest: Manifest;
  readonly effort: Effort;
}

/** Adds the files that every package has, and packs the package. */
async function finish(
  folder: string,
  { destination, manifest, effort }: Finish,
): Promise<NpmPackage> {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  const tarball = await pack(folder, destination, { programs: [EXECUTABLE], effort });
  return { name: manifest.name, folder, tarball };
}
