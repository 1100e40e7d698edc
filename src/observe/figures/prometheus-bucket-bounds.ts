// The buckets of the connect time, in seconds. The lowest buckets fit a Unix socket on this
// machine, the highest fit a server on the other side of the world.
export const CONNECT_SECONDS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10,
];

// The buckets of a connection's duration, in seconds. The lowest buckets fit a single request, the
// highest fit a session of days.
export const CONNECTION_SECONDS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600, 86_400];

// The buckets of the event loop's delay, in seconds. There is no bucket below 1 ms, because timers
// are not more precise.
export const LATE_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];
