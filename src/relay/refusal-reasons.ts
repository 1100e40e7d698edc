/**
 * Why clients are refused. The list names each reason that a healthy system gives; reasons that name an
 * errno, such as `its credential cannot be read (EMFILE)`, are not in it.
 */
export const REFUSAL_REASONS = {
  addressUnknown: "its address is unknown",
  addressDenied: "its address is denied",
  addressNotAllowed: "its address is not allowed",
  notAProxy: "it is none of the proxies that may connect (--accept-proxy-from)",
  userNotAllowed: "neither its user nor any of its groups is allowed",
  userNotKnown: "its user is not in this user namespace (in a systemd unit: PrivateUsers=no)",
  limitReached: "it has as many connections as one client may have (--connections-max-per-client)",
} as const;
