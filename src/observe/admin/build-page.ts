import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Builds the page into one HTML file that contains its script and style.
 *
 * The bundler calls this function as a macro, so the executable contains the result. When the
 * program runs from its source code, the page is built when the admin address is opened. A separate
 * process builds the page, because a macro runs inside the bundler, which is not reentrant.
 *
 * @throws if the page's code cannot be built.
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
