/**
 * The greatest C int. Timers of the runtime keep 31 bits of milliseconds, and are due at once beyond
 * them; listen(2) takes its backlog as an int; the workers count connections in 32 bits.
 */
export const INT_MOST = 2 ** 31 - 1;
