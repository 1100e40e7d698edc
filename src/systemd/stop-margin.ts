/**
 * How much longer than its drain a stop may take, in milliseconds. A generated unit allows as much,
 * and the relay asks the service manager for as much when it stops.
 */
export const STOP_MARGIN = 5_000;
