/**
 * Calls `handle` at each signal of one kind until the returned object is disposed. Before the call
 * of `onSignal` and after the disposal, each of these signals ends the process (signal(7)).
 */
export function onSignal(
  signal: "SIGHUP" | "SIGINT" | "SIGQUIT" | "SIGTERM",
  handle: () => void,
): Disposable {
  process.on(signal, handle);
  return {
    [Symbol.dispose]: () => {
      process.off(signal, handle);
    },
  };
}
