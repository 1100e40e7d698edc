import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENVIRONMENT } from "../machine/container.ts";
import { runProgram } from "../process/program.ts";

/** Makes the Debian package of a later version, with the same content, below `folder`. */
export async function nextVersion(deb: string, folder: string): Promise<string> {
  const tree = join(folder, "next-version");
  await dpkg("--raw-extract", deb, tree);
  const control = join(tree, "DEBIAN/control");
  const text = readFileSync(control, "utf8");
  writeFileSync(control, text.replace(/^Version: .*$/m, "$&+next"));
  const output = join(folder, "next.deb");
  await dpkg("--root-owner-group", "-Znone", "--build", tree, output);
  return output;
}

async function dpkg(...words: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(["dpkg-deb", ...words], { env: ENVIRONMENT });
  if (code !== 0) throw new Error(stderr);
}
