import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * The page with its script and style inside: one HTML file that asks for no other.
 *
 * Called as a macro, so that the executable carries the result; from source it is built when the
 * admin address is opened. A process of its own builds it, because a macro runs inside the bundler,
 * which cannot be entered twice.
 *
 * @throws where the page's source does not build.
 */
export function builtPage(): string {
  const workshop = mkdtempSync(join(tmpdir(), "page-"));
  try {
    const outfile = join(workshop, "page.html");
    const { exitCode, stderr } = Bun.spawnSync([
      ...[process.execPath, "build", join(import.meta.dir, "../page/index.html")],
      ...["--compile", "--target=browser", "--minify", `--outfile=${outfile}`],
    ]);
    if (exitCode !== 0) throw new Error(`the page cannot be built: ${stderr.toString()}`);
    return readFileSync(outfile, "utf8");
  } finally {
    rmSync(workshop, { recursive: true });
  }
}
