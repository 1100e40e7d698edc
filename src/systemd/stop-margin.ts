/**
 * The time, in milliseconds, that a stop may take in addition to the drain timeout. The sum of both
 * times is in TimeoutStopSec= of a generated unit, and a stopping relay asks the service manager
 * for it.
 */
export const STOP_MARGIN = 5_000;
