/** Requests to stop this process, by TERM or by INT (Ctrl-C). */
export interface StopRequests extends Disposable {
  /** Settles at the first request. */
  readonly asked: Promise<void>;
  /** Settles at the second request, which means: stop now. */
  readonly askedAgain: Promise<void>;
  /**
   * Notes that another process has received requests to stop that also concern this process.
   * `times` is the total number of requests that the other process has received. This number and
   * the number of this process's own signals are not added, because systemd sends the same signals
   * to both processes. Only the greater number counts.
   */
  ask(times: number): void;
}

/**
 * Listens for TERM and INT until the returned object is disposed. Before the call and after the
 * disposal, each of these two signals ends the process.
 */
export function stopRequests(): StopRequests {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let signals = 0;
  const ask = (times: number) => {
    if (times >= 1) first.resolve();
    if (times >= 2) second.resolve();
  };
  const request = () => ask((signals += 1));
  process.on("SIGTERM", request).on("SIGINT", request);
  return {
    asked: first.promise,
    askedAgain: second.promise,
    ask,
    [Symbol.dispose]: () => {
      process.off("SIGTERM", request).off("SIGINT", request);
    },
  };
}
