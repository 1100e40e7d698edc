/**
 * Hands every error that nobody caught to `report`, and lets the process go on, until disposed. An
 * error in one connection must not end the others.
 */
export function reportFaults(report: (error: unknown) => void): Disposable {
  process.on("uncaughtException", report).on("unhandledRejection", report);
  return {
    [Symbol.dispose]: () => {
      process.off("uncaughtException", report).off("unhandledRejection", report);
    },
  };
}
