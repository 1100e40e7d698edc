/**
 * The permissions of an admin socket's file, if nobody asks for others: whoever may write to the
 * socket reads who is connected, so that is the relay's own user and group.
 */
export const ADMIN_MODE = 0o660;
