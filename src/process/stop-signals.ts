/** Requests to stop this process, by TERM or by INT (Ctrl-C). */
export interface StopRequests extends Disposable {
  /** Settles at the first request. */
  readonly asked: Promise<void>;
  /** Settles at the second request, which means: stop now. */
  readonly askedAgain: Promise<void>;
  /**
   * Reports that another process has received `times` requests in total that also concern this
   * process. The numbers are not added to the signals that this process has received itself,
   * because systemd sends the same signals to both processes.
   */
  ask(times: number): void;
}

/**
 * Listens for requests to stop until disposed. Before the call and after the disposal, each of the
 * two signals ends the process.
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
