/** Requests to stop this process, by TERM or by INT (Ctrl-C). */
export interface StopRequests extends Disposable {
  /** Settles at the first request. */
  readonly asked: Promise<void>;
  /** Settles at the second request, which means: stop now. */
  readonly askedAgain: Promise<void>;
  /**
   * Counts `times` requests that another process received and that also concern this one. If the
   * same signals reached both processes, as systemd's do, they count once.
   */
  ask(times: number): void;
}

/**
 * Listens for requests to stop until disposed. Before and after that, either signal ends the
 * process.
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
