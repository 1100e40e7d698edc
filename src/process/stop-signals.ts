/** Somebody asks this process to stop, by TERM or by INT (Ctrl-C). */
export interface StopRequests extends Disposable {
  /** Settles when it is asked to. */
  readonly asked: Promise<void>;
  /** Settles when it is asked again: now. */
  readonly askedAgain: Promise<void>;
  /**
   * Another process was asked so many times, and this one is meant, too. If the same signals came to
   * both, as those of a terminal or of systemd do, they count once.
   */
  passedOn(times: number): void;
}

/** Listens for requests to stop until disposed; before and after, either signal ends the process. */
export function stopRequests(): StopRequests {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let signals = 0;
  const asked = (times: number) => {
    if (times >= 1) first.resolve();
    if (times >= 2) second.resolve();
  };
  const request = () => asked((signals += 1));
  process.on("SIGTERM", request).on("SIGINT", request);
  return {
    asked: first.promise,
    askedAgain: second.promise,
    passedOn: asked,
    [Symbol.dispose]: () => {
      process.off("SIGTERM", request).off("SIGINT", request);
    },
  };
}
