/**
 * The default permissions of an admin socket's file. Only the relay's own user and group may write
 * to the socket, because every client of the socket can read which clients are connected to the
 * relay.
 */
export const ADMIN_MODE = 0o660;
