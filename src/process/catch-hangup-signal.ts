/**
 * Calls `handle` at each HUP until the returned object is disposed. Before the call of `onHangup`
 * and after the disposal, HUP ends the process (signal(7)).
 */
export function onHangup(handle: () => void): Disposable {
  process.on("SIGHUP", handle);
  return {
    [Symbol.dispose]: () => {
      process.off("SIGHUP", handle);
    },
  };
}
