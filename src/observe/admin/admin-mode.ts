/**
 * The default permissions of an admin socket's file. Only the file's user and group may connect,
 * because the answers show which clients are connected to the relay. (A process can connect to a
 * socket only if it may write to the socket's file: unix(7).)
 */
export const ADMIN_MODE = 0o660;
