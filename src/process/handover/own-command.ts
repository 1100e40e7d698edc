import { realpathSync } from "node:fs";
import { resolve } from "node:path";

// The path under which a compiled executable has its modules (Bun 1.4.5).
const INSIDE_EXECUTABLE = "/$bunfs/";

/**
 * Returns the command that starts this program again with the same arguments. The command contains
 * the path by which this process was started, not the running file itself: it starts the file that
 * is at this path when the command runs, because an upgrade may have replaced the file or changed a
 * link. Call this function at the start of the program, while the path still leads to the running
 * file.
 */
export function ownCommand(): readonly string[] {
  const [, script = "", ...args] = process.argv;
  const path = calledPath(process.argv0, process.execPath);
  if (script.startsWith(INSIDE_EXECUTABLE)) return [path, ...args];
  return [path, ...process.execArgv, script, ...args];
}

/**
 * Returns the path by which the executable was called; returns `executable` if that path does not
 * lead to the executable.
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
