/** Requests to stop this process, by TERM, INT (Ctrl-C) or QUIT (Ctrl-\). */
export interface StopRequests extends Disposable {
  /** Settles at the first request. */
  readonly asked: Promise<void>;
  /** Settles at the second request, which means: stop now. */
  readonly askedAgain: Promise<void>;
  /**
   * Asks this process to stop for a reason other than its own signals, for example because another
   * process of a handover was asked to stop. If `times` is 1 or more, this counts as the first
   * request; if `times` is 2 or more, as the second request, too. The requests by this process's
   * own signals are counted separately and not added to `times`, because systemd sends the same
   * signals to both processes.
   */
  ask(times: number): void;
}

/** If QUIT ended the process by itself, the peers would see a clean end of each stream. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;

/**
 * Listens for TERM, INT and QUIT until the returned object is disposed. Before the call and after
 * the disposal, each of these signals ends the process.
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
  for (const signal of SIGNALS) process.on(signal, request);
  return {
    asked: first.promise,
    askedAgain: second.promise,
    ask,
    [Symbol.dispose]: () => {
      for (const signal of SIGNALS) process.off(signal, request);
    },
  };
}
