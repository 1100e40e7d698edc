import { realpathSync } from "node:fs";
import { resolve } from "node:path";

// A compiled executable has its modules under this path (Bun 1.4.5).
const INSIDE_EXECUTABLE = "/$bunfs/";

/**
 * The command that starts this program again, with the same arguments: the file that then stands at
 * the path by which it was started, which may be a link that leads elsewhere by then. Call it when
 * the program starts, while that path still leads to this very file.
 */
export function ownCommand(): readonly string[] {
  const [, script = "", ...args] = process.argv;
  const path = calledPath(process.argv0, process.execPath);
  if (script.startsWith(INSIDE_EXECUTABLE)) return [path, ...args];
  return [path, ...process.execArgv, script, ...args];
}

/** The path of the executable as it was called; its real path if that cannot be told. */
function calledPath(called: string, executable: string): string {
  const path = called.includes("/") ? resolve(called) : Bun.which(called);
  return path !== null && realPath(path) === realPath(executable) ? path : executable;
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    // Nothing is there: argv[0] is whatever the caller wrote (execve(2)).
    return null;
  }
}
