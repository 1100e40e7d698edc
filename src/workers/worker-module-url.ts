// A compiled executable has its modules under this path, with the extension .js (Bun 1.4.5).
const INSIDE_EXECUTABLE = "/$bunfs/root/";

/**
 * The URL of the module that a worker's thread runs: a file beside this module, or a file in the
 * compiled executable. The npm package has another module in place of this module
 * (src/packaging/npm/build-javascript.ts).
 */
export const WORKER_MODULE = import.meta.path.startsWith(INSIDE_EXECUTABLE)
  ? new URL("./workers/worker-thread.js", `file://${INSIDE_EXECUTABLE}`)
  : new URL("./worker-thread.ts", import.meta.url);
