import {
  chmodSync,
  cpSync,
  linkSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executablePath } from "./executable.ts";

/** The executable at a path of its own, where it can be replaced as an upgrade does it. */
export class InstalledExecutable implements Disposable {
  readonly path: string;
  readonly #folder: string;
  /** Two copies, so that each upgrade brings another file than the one that runs. */
  readonly #versions: readonly string[];
  #upgrades = 0;

  private constructor(folder: string, versions: readonly string[]) {
    this.#folder = folder;
    this.#versions = versions;
    this.path = join(folder, "relay");
    this.upgrade();
  }

  static async install(): Promise<InstalledExecutable> {
    const folder = mkdtempSync(join(tmpdir(), "installed-"));
    const versions = ["one", "two"].map((name) => join(folder, name));
    for (const version of versions) cpSync(await executablePath(), version);
    return new InstalledExecutable(folder, versions);
  }

  /** The path of a copy that stays. */
  get version(): string {
    const version = this.#versions[this.#upgrades % this.#versions.length];
    if (version === undefined) throw new Error("there is no version");
    return version;
  }

  /** Moves another copy of the executable to the path. */
  upgrade(): void {
    const next = join(this.#folder, "next");
    linkSync(this.version, next);
    renameSync(next, this.path);
    this.#upgrades += 1;
  }

  /** Moves a shell script to the path. */
  breakBy(script: string): void {
    const next = join(this.#folder, "next");
    writeFileSync(next, `#!/bin/sh\n${script}\n`);
    chmodSync(next, 0o755);
    renameSync(next, this.path);
  }

  /** Moves a file to the path that the system cannot run. */
  breakByText(): void {
    const next = join(this.#folder, "next");
    writeFileSync(next, "no program");
    renameSync(next, this.path);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}
