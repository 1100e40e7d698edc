/**
 * The time, in milliseconds, that a stop may take in addition to the drain timeout. A generated
 * unit allows this time in TimeoutStopSec=, and a stopping relay asks the service manager for this
 * time.
 */
export const STOP_MARGIN = 5_000;
