import { dirname, basename } from "node:path";
import { runTool } from "./run-tool.ts";

// The compression level. Level 9 of libdeflate takes twice the time of level 6, and saves only
// 0.4 % of an executable.
const LEVEL = 6;

/**
 * Packs a folder as the tar.gz file `output`. All paths in the archive begin with the folder's
 * name. The archive depends only on the names, modes and content of the files, and on `time`:
 * https://reproducible-builds.org/docs/archives/.
 */
export async function packArchive(folder: string, output: string, time: Date): Promise<void> {
  const tar = await runTool([
    ...["tar", "--create", "--format=ustar", "--sort=name", `--mtime=@${time.getTime() / 1_000}`],
    ...["--owner=0", "--group=0", "--numeric-owner"],
    ...[`--directory=${dirname(folder)}`, basename(folder)],
  ]);
  await Bun.write(
    output,
    Bun.gzipSync(new Uint8Array(tar), { library: "libdeflate", level: LEVEL }),
  );
}
