import "../../../src/workers/worker-thread.ts";
import { STEP_BACK } from "../../../src/workers/accept-balance.ts";

// A worker's thread in which the moment is never over for which a worker accepts nobody, because it
// is ahead of the others.

const setTimer = globalThis.setTimeout;
const never = setTimer(() => {}, 0);

globalThis.setTimeout = Object.assign((...timer: Parameters<typeof setTimer>) => {
  const [, milliseconds] = timer;
  return milliseconds === STEP_BACK ? never : setTimer(...timer);
}, setTimer);
