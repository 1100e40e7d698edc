/**
 * The greatest C int. This number limits three things: Bun's timers, which fire at once if set to
 * more milliseconds; the backlog of listen(2); and the connection counts of the workers (32 bits).
 */
export const INT_MAX = 2 ** 31 - 1;
