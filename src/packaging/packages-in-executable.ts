import { readFileSync } from "node:fs";
import { join } from "node:path";

/** An npm package that is inside the executable. */
export interface RuntimePackage {
  readonly name: string;
  readonly version: string;
  /** The SPDX license id from the package's package.json. */
  readonly license: string;
  readonly licenseText: string;
  /** The SHA-512 hash of the package's tarball, in hexadecimal. */
  readonly sha512: string;
  /** The names of the packages that this package needs. */
  readonly dependencies: readonly string[];
}

/**
 * All packages that the program needs when it runs: the packages of package.json's `dependencies`,
 * and all packages that these packages need in turn, sorted by name. The versions and hashes are
 * those of bun.lock.
 *
 * @throws if bun.lock lacks a package or differs from node_modules, or if a package has no license
 *   text
 */
export function runtimePackages(root: string): readonly RuntimePackage[] {
  const lock = record(Bun.JSONC.parse(readFileSync(join(root, "bun.lock"), "utf8")));
  const locked = record(lock["packages"]);
  const found = new Map<string, RuntimePackage>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    const runtimePackage = readPackage(root, name, locked[name]);
    found.set(name, runtimePackage);
    runtimePackage.dependencies.forEach(visit);
  };
  directDependencies(root).forEach(visit);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The names of the packages in package.json's own `dependencies`. */
export function directDependencies(root: string): readonly string[] {
  return dependenciesOf(readManifest(root));
}

function readPackage(root: string, name: string, locked: unknown): RuntimePackage {
  const folder = join(root, "node_modules", name);
  const manifest = readManifest(folder);
  const [id, , , integrity]: readonly unknown[] = Array.isArray(locked) ? locked : [];
  const { version, license } = manifest;
  if (typeof version !== "string" || typeof license !== "string" || id !== `${name}@${version}`)
    throw new Error(`bun.lock and node_modules differ about ${name}: run bun install`);
  if (typeof integrity !== "string" || !integrity.startsWith("sha512-"))
    throw new Error(`bun.lock has no sha512 of ${name}`);
  return {
    ...{ name, version, license },
    licenseText: readFileSync(join(folder, "LICENSE"), "utf8").trim(),
    sha512: Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex"),
    dependencies: dependenciesOf(manifest),
  };
}

function readManifest(folder: string): Readonly<Record<string, unknown>> {
  return record(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
}

function dependenciesOf(manifest: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(record(manifest["dependencies"] ?? {})).sort();
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new Error("not an object");
  return Object.fromEntries(Object.entries(value));
}
