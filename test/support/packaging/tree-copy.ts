import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import packageJson from "../../../package.json";
import { type Outcome, runProgram } from "../process/program.ts";

/** The longest that a release may take, on a busy machine. */
export const RELEASE_MS = 400_000;

const root = join(import.meta.dir, "../../..");

const changeLog = readFileSync(join(root, "CHANGELOG.md"), "utf8");

/**
 * The version of the releases that tests make: the next one, unless the tree is a release itself.
 */
export const VERSION = changeLog.includes("\n## Unreleased\n")
  ? packageJson.version.replace(/\.(\d+)\.\d+$/, (_, minor) => `.${Number(minor) + 1}.0`)
  : packageJson.version;

// The same each time, so that two copies are one release.
const COMMITTED = "2026-11-28T12:00:00Z";

/** The files that are in git, or would be with `git add --all`, with their whole paths. */
export async function filesOfTree(): Promise<readonly string[]> {
  const listed = await git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard");
  const names = new Set(listed.split("\0").filter(Boolean));
  return [...names].map((name) => join(root, name)).filter((path) => existsSync(path));
}

/**
 * Makes a clean copy of this tree in `folder`, in a repository of its own, with its packages. An
 * "Unreleased" section of the change log becomes VERSION's, as for a release.
 */
export async function copyTree(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  for (const file of await filesOfTree()) {
    const copy = join(folder, file.slice(root.length));
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(file, copy);
  }
  writeFileSync(
    join(folder, "CHANGELOG.md"),
    changeLog.replace("\n## Unreleased\n", `\n## ${VERSION} (${COMMITTED.slice(0, 10)})\n`),
  );
  const manifest = readFileSync(join(root, "package.json"), "utf8");
  writeFileSync(
    join(folder, "package.json"),
    manifest.replace(`"version": "${packageJson.version}"`, `"version": "${VERSION}"`),
  );
  await git(folder, "init", "--quiet");
  await git(folder, "add", "--all");
  await git(folder, "commit", "--quiet", "--message=Release");
  await succeed(["sh", "-c", 'cd "$1" && exec "$2" install --frozen-lockfile --silent'], folder);
}

/** Runs `bun run release` in a copy of the tree. */
export function runRelease(folder: string, setting: Setting = {}): Promise<Outcome> {
  const { umask = "022", env = {} } = setting;
  const script = 'cd "$1" && umask "$3" && exec "$2" run --silent release';
  return runProgram(["sh", "-c", script, "sh", folder, process.execPath, umask], {
    env: { ...inherited(), ...env },
    patience: RELEASE_MS,
  });
}

/** What may differ between two machines that make a release. */
export interface Setting {
  readonly umask?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The environment of the tests, for programs that need the user's npm registry and cache. */
export function inherited(): Record<string, string> {
  const entries = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(entries);
}

/** Runs git for a user whose settings are nobody's. */
function git(folder: string, ...words: readonly string[]): Promise<string> {
  return succeed(["git", "-c", "safe.directory=*", "-C", folder, ...words], "", {
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_AUTHOR_NAME: "The maintainers",
    GIT_AUTHOR_EMAIL: "maintainers@example.org",
    GIT_AUTHOR_DATE: COMMITTED,
    GIT_COMMITTER_NAME: "The maintainers",
    GIT_COMMITTER_EMAIL: "maintainers@example.org",
    GIT_COMMITTER_DATE: COMMITTED,
  });
}

async function succeed(
  command: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const words = folder === "" ? command : [...command, "sh", folder, process.execPath];
  const outcome = await runProgram(words, { env: { ...inherited(), ...env } });
  if (outcome.code === 0) return outcome.stdout;
  throw new Error(`${words.join(" ")}: ${outcome.stderr}`);
}
