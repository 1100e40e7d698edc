import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The compression level of gzip (libdeflate has the levels 1 to 12). */
export type Effort = 6 | 12;

/**
 * Packs a package's folder as a tarball into another folder, and returns the tarball's path. The
 * tarball depends only on the names and the content of the files, on `programs` and on `effort`.
 * `bun pm pack` sorts the files, and gives all files the same owner and time. `setModes` sets the
 * modes.
 *
 * @param programs - the files that can be executed, relative to the folder
 * @throws an error with Bun's message if the folder cannot be packed.
 */
export async function pack(
  folder: string,
  destination: string,
  { programs, effort }: { readonly programs: readonly string[]; readonly effort: Effort },
): Promise<string> {
  setModes(folder, new Set(programs));
  const child = Bun.spawn(
    [
      ...[process.execPath, "pm", "pack", "--quiet", "--ignore-scripts"],
      ...["--gzip-level=0", `--destination=${resolve(destination)}`],
    ],
    { cwd: folder, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (code !== 0) throw new Error(`${folder} cannot be packed: ${stderr.trim()}`);
  const tarball = stdout.trim();
  // Compress the tarball again with libdeflate, which makes a smaller file than `bun pm pack`,
  // and writes no time into the file.
  const tar = Bun.gunzipSync(readFileSync(tarball));
  writeFileSync(tarball, Bun.gzipSync(tar, { library: "libdeflate", level: effort }));
  return tarball;
}

/** Sets the modes of all files, so that the umask does not matter. */
function setModes(folder: string, programs: ReadonlySet<string>): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (statSync(path).isFile()) chmodSync(path, programs.has(name) ? 0o755 : 0o644);
  }
}
