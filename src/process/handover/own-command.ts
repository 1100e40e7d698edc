import { realpathSync } from "node:fs";
import { absolutePath } from "../../os/canonical-path.ts";

// In a compiled executable, the paths of all modules begin with this folder (Bun 1.4.5).
const INSIDE_EXECUTABLE = "/$bunfs/";

/**
 * Returns the command that starts this program again with the same arguments. The command has the
 * path by which the executable was called. An upgrade puts the new executable at this path, so the
 * command then starts the new version.
 *
 * Call this function at the start of the program. After an upgrade the path does not lead to the
 * running executable any more, and the command would name the old file.
 */
export function ownCommand(): readonly string[] {
  const [, script = "", ...args] = process.argv;
  const path = calledPath(process.argv0, process.execPath);
  if (script.startsWith(INSIDE_EXECUTABLE)) return [path, ...args];
  return [path, ...process.execArgv, script, ...args];
}

/**
 * Returns the path by which the executable was called. Returns `executable` if this path does not
 * lead to the running file.
 *
 * @param called - argv[0] of this process
 * @param executable - the path of the running file
 */
function calledPath(called: string, executable: string): string {
  const path = called.includes("/") ? absolutePath(called) : Bun.which(called);
  return path !== null && realPath(path) === realPath(executable) ? path : executable;
}

function realPath(path: string): string | null {
  try {
    return realpathSync.native(path);
  } catch {
    // There may be no file at this path, because argv[0] may be any text (execve(2)).
    return null;
  }
}
