/**
 * Calls `handle` at each HUP until disposed. Before `onHangup` is called and after the disposal,
 * HUP ends the process (signal(7)).
 */
export function onHangup(handle: () => void): Disposable {
  process.on("SIGHUP", handle);
  return {
    [Symbol.dispose]: () => {
      process.off("SIGHUP", handle);
    },
  };
}
