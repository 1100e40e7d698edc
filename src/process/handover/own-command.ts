import { realpathSync } from "node:fs";
import { resolve } from "node:path";

// The path under which a compiled executable has its modules (Bun 1.4.5).
const INSIDE_EXECUTABLE = "/$bunfs/";

/**
 * Returns the command that starts this program again with the same arguments. The command names the
 * path by which this process was started, not the file that is running. An upgrade may replace the
 * file at this path or change a link, and the command must then start the new file. Call this
 * function at the start of the program, while the path still leads to the running file.
 */
export function ownCommand(): readonly string[] {
  const [, script = "", ...args] = process.argv;
  const path = calledPath(process.argv0, process.execPath);
  if (script.startsWith(INSIDE_EXECUTABLE)) return [path, ...args];
  return [path, ...process.execArgv, script, ...args];
}

/**
 * Returns the path by which the executable was called. Returns `executable` if that path does not
 * lead to the running file.
 *
 * @param called - argv[0]
 * @param executable - the path of the running file
 */
function calledPath(called: string, executable: string): string {
  const path = called.includes("/") ? resolve(called) : Bun.which(called);
  return path !== null && realPath(path) === realPath(executable) ? path : executable;
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    // No file has this name: argv[0] may be any text (execve(2)).
    return null;
  }
}
