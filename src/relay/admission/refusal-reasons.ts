/** The reasons for which the access rules and the limits refuse clients. */
export const REFUSAL_REASONS = {
  addressUnknown: "its address is unknown",
  addressDenied: "its address is denied",
  addressNotAllowed: "its address is not allowed",
  notAProxy: "it is none of the proxies that may connect (--accept-proxy-from)",
  userNotAllowed: "neither its user nor any of its groups is allowed",
  userNotKnown: "its user is not in this user namespace (in a systemd unit: PrivateUsers=no)",
  limitReached: "it has as many connections as one client may have (--connections-max-per-client)",
} as const;

/** The reasons for which proxies are refused because of their header. */
export const HEADER_REFUSALS = {
  missing: "it sent no PROXY header (--accept-proxy)",
  malformed: "its PROXY header is malformed",
  "too long": "its PROXY header is too long",
  late: "its PROXY header was not complete within 3s",
  cut: "it left before its PROXY header was complete",
} as const;

/**
 * All reasons that a healthy system gives. Reasons that name an errno, such as `its credential
 * cannot be read (EMFILE)`, are not in this list.
 */
export const KNOWN_REFUSALS: readonly string[] = [
  ...Object.values(REFUSAL_REASONS),
  ...Object.values(HEADER_REFUSALS),
];
