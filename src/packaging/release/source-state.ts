import { runTool } from "../run-tool.ts";

/** The commit that a release is made from. */
export interface SourceState {
  /** The time of the commit; all files of the release get this time. */
  readonly time: Date;
  /** The author of the commit, `NAME <EMAIL>`, who is the maintainer of the Debian packages. */
  readonly author: string;
}

/**
 * The commit of a working tree.
 *
 * @throws if the tree differs from the commit, because the commit must contain the exact sources of
 *   the release.
 */
export async function sourceState(root: string): Promise<SourceState> {
  const changed = await git(root, "status", "--porcelain");
  const [first, ...others] = changed.split("\n").filter(Boolean);
  if (first !== undefined) {
    const more = others.length === 0 ? "" : ` and ${others.length} more`;
    throw new Error(`the tree differs from its commit: "${first.trim()}"${more}; commit or remove`);
  }
  const [seconds, author = ""] = (await git(root, "log", "-1", "--format=%ct%n%an <%ae>")).split(
    "\n",
  );
  return { time: new Date(Number(seconds) * 1_000), author };
}

async function git(root: string, ...words: readonly string[]): Promise<string> {
  return new TextDecoder().decode(await runTool(["git", ...words], { cwd: root }));
}
