/**
 * Passes every uncaught error to `report` until disposed, and lets the process go on, because an
 * error in one connection must not end the other connections.
 */
export function reportFaults(report: (error: unknown) => void): Disposable {
  process.on("uncaughtException", report).on("unhandledRejection", report);
  return {
    [Symbol.dispose]: () => {
      process.off("uncaughtException", report).off("unhandledRejection", report);
    },
  };
}
