/** Somebody asks this process to stop, by TERM or by INT (Ctrl-C). */
export interface StopRequests extends Disposable {
  /** Settles when it is asked to. */
  readonly asked: Promise<void>;
  /** Settles when it is asked again: now. */
  readonly askedAgain: Promise<void>;
}

/** Listens for requests to stop until disposed; before and after, either signal ends the process. */
export function stopRequests(): StopRequests {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let requests = 0;
  const request = () => (++requests === 1 ? first : second).resolve();
  process.on("SIGTERM", request).on("SIGINT", request);
  return {
    asked: first.promise,
    askedAgain: second.promise,
    [Symbol.dispose]: () => {
      process.off("SIGTERM", request).off("SIGINT", request);
    },
  };
}
