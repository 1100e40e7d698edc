/**
 * The time, in milliseconds, that a stop may take in addition to the drain timeout. TimeoutStopSec=
 * of a generated unit is the sum of both times, and a stopping relay asks the service manager for
 * the same sum.
 */
export const STOP_MARGIN = 5_000;
