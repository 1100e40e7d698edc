/**
 * The smallest idle time, in milliseconds, after which a relay with a .socket unit may exit. The
 * next client starts the relay again. With a shorter idle time, clients could start the relay so
 * often that the .socket unit fails (TriggerLimitBurst=).
 */
export const IDLE_LEAST = 1_000;

/**
 * The warning about an idle time that is too short for a .socket unit; null if the idle time is
 * undefined or long enough.
 */
export function shortIdleTime(exitIdleTime: number | undefined): string | null {
  if (exitIdleTime === undefined || exitIdleTime >= IDLE_LEAST) return null;
  return (
    `exit-idle-time is ${exitIdleTime}ms: if clients start the relay again and again, systemd ` +
    "ends its .socket unit (TriggerLimitBurst=); with a .socket unit use 1s or more"
  );
}
