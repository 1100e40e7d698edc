/** Somebody asks this process to stop, by TERM or by INT (Ctrl-C). */
export interface StopRequests extends Disposable {
  /** Settles when it is asked to. */
  readonly asked: Promise<void>;
  /** Settles when it is asked again: now. */
  readonly askedAgain: Promise<void>;
  /**
   * Asks so many times, in place of a signal: another process was asked, and this one is meant, too.
   * If the same signals came to both, as those of systemd do, they count once.
   */
  ask(times: number): void;
}

/** Listens for requests to stop until disposed; before and after, either signal ends the process. */
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
