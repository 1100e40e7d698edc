const USER_SIGNALS = ["SIGUSR1", "SIGUSR2"] as const;

function ignore(): void {}

/**
 * Ignores USR1 and USR2 until disposed. Before the call and after the disposal, these signals end
 * the process (signal(7)).
 */
export function ignoreUserSignals(): Disposable {
  for (const signal of USER_SIGNALS) process.on(signal, ignore);
  return {
    [Symbol.dispose]: () => {
      for (const signal of USER_SIGNALS) process.off(signal, ignore);
    },
  };
}
