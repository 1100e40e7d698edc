const { pid } = process;

/**
 * A loopback address that is this process's own: no test of another process listens there. So a
 * port where nobody listens stays so, and a port that was free again before brings nobody else's
 * clients. Linux answers to all of 127.0.0.0/8, and a process id is below 2^22 (proc(5), pid_max).
 */
export const OWN_LOOPBACK = `127.${1 + (pid >> 16)}.${(pid >> 8) & 255}.${pid & 255}`;
