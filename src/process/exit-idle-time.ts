import type { Observer } from "../relay/observer.ts";

/**
 * Calls `leave` once there was no connection for `time` milliseconds, from the start on. It may be
 * called although somebody has just come whom this thread has not heard of; then it is called again
 * in the same way after that connection.
 */
export function exitWhenIdle(time: number, leave: () => void): Partial<Observer> {
  let open = 0;
  let timer: Timer | undefined;
  let draining = false;
  const wait = () => {
    if (!draining) timer = setTimeout(leave, time);
  };
  return {
    listening: wait,
    opened() {
      open += 1;
      clearTimeout(timer);
    },
    closed() {
      open -= 1;
      if (open === 0) wait();
    },
    draining() {
      draining = true;
      clearTimeout(timer);
    },
  };
}
