import type { Log } from "./log.ts";

/**
 * A log whose lines name their relay in the field `relay`, and in words if `inWords`.
 */
export function relayLog(log: Log, relay: string, inWords: boolean): Log {
  const words = (message: string) => (inWords ? `${relay}: ${message}` : message);
  return {
    ...log,
    debug: (message, fields) => log.debug(words(message), { ...fields, relay }),
    info: (message, fields) => log.info(words(message), { ...fields, relay }),
    warn: (message, fields) => log.warn(words(message), { ...fields, relay }),
    error: (message, fields) => log.error(words(message), { ...fields, relay }),
    always: (message, fields) => log.always(words(message), { ...fields, relay }),
  };
}
