/**
 * How much longer than its drain a stop may take, in milliseconds. A generated unit allows this
 * time in TimeoutStopSec=, and a stopping relay asks the service manager for it.
 */
export const STOP_MARGIN = 5_000;
