import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import packageJson from "../../../package.json";
import { SHELLS } from "../../cli/completions/completion-model.ts";
import { completionScript } from "../../cli/completions/completion-scripts.ts";
import { packArchive } from "../archive.ts";
import { billOfMaterials } from "../bill-of-materials.ts";
import { buildExecutable } from "../build-executable.ts";
import { checkVersion, readChangeLog } from "../change-log.ts";
import { buildDebianPackage, DEBIAN_ARCHITECTURES } from "../debian/debian-package.ts";
import { writeTree } from "../file-tree.ts";
import { archiveTree, type Documents } from "../install-tree.ts";
import { manualPages } from "../manuals/manual-pages.ts";
import { buildNpmPackages } from "../npm/build-packages.ts";
import { directDependencies, runtimePackages } from "../packages-in-executable.ts";
import { type Target, TARGETS } from "../targets.ts";
import { sourceState } from "./source-state.ts";

const root = join(import.meta.dir, "../../..");

const { name, version, description, license } = packageJson;

/**
 * Builds everything that a release publishes, from a commit, into a new folder `output`. The same
 * commit and the same Bun give the same bytes.
 *
 * @param say - called with a line for each step
 * @throws if the tree differs from its commit, if the change log does not begin with the version of
 *   package.json, or if a step fails.
 */
export async function makeRelease(output: string, say: (line: string) => void): Promise<void> {
  const { time, author } = await sourceState(root);
  const changeLog = readChangeLog(text("CHANGELOG.md"));
  checkVersion(version, changeLog);
  const packages = runtimePackages(root);
  const documents: Documents = {
    license: text("LICENSE"),
    packages,
    readme: text("README.md"),
    changeLog: text("CHANGELOG.md"),
    manuals: manualPages(time),
    completions: SHELLS.map((shell) => ({ shell, text: completionScript(shell) })),
  };
  rmSync(output, { recursive: true, force: true });
  const parts = join(output, ".parts");
  mkdirSync(parts, { recursive: true });
  try {
    const executables = new Map<Target, string>();
    for (const target of TARGETS) {
      say(`executable for ${target}`);
      const executable = join(parts, `executable-${target}`);
      await buildExecutable(executable, target);
      executables.set(target, executable);
    }
    say("npm packages");
    for (const { tarball } of await buildNpmPackages(join(parts, "npm"), executables))
      renameSync(tarball, join(output, basename(tarball)));
    for (const [target, executable] of executables) {
      const title = `${name}-${version}-${target}`;
      say(`${title}.tar.gz`);
      const folder = join(parts, title);
      writeTree(folder, archiveTree(executable, documents), time);
      await packArchive(folder, join(output, `${title}.tar.gz`), time);
    }
    for (const [target, architecture] of debianTargets()) {
      const executable = executables.get(target);
      if (executable === undefined) throw new Error(`${target} has no executable`);
      const contents = { architecture, version, maintainer: author, executable, documents };
      say(basename(await buildDebianPackage(output, { ...contents, changeLog, time })));
    }
    const dependencies = directDependencies(root);
    const product = { name, version, description, license, time, packages, dependencies };
    await Bun.write(join(output, `${name}-${version}.cdx.json`), billOfMaterials(product));
  } finally {
    rmSync(parts, { recursive: true, force: true });
  }
  await Bun.write(join(output, "SHA256SUMS"), checksums(output));
}

function debianTargets() {
  return TARGETS.flatMap((target) =>
    target === "linux-x64" || target === "linux-arm64"
      ? [[target, DEBIAN_ARCHITECTURES[target]] as const]
      : [],
  );
}

/** The hashes of all files of a folder, in the format of sha256sum(1). */
function checksums(folder: string): string {
  const lines = readdirSync(folder)
    .sort()
    .map((file) => {
      const hash = new Bun.CryptoHasher("sha256").update(readFileSync(join(folder, file)));
      return `${hash.digest("hex")}  ${file}\n`;
    });
  return lines.join("");
}

function text(file: string): string {
  return readFileSync(join(root, file), "utf8");
}
