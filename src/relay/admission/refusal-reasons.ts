import type { Unaddressed } from "./accepted-client.ts";

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
  "text too long": "its PROXY header (v1) is longer than 107 bytes",
  "text line end": "its PROXY header (v1) does not end with CRLF",
  "text word count": "its PROXY header (v1) does not have 6 words",
  "text family": "its PROXY header (v1) has a wrong family: not TCP4, TCP6 or UNKNOWN",
  "text address": "its PROXY header (v1) has a wrong address",
  "text port": "its PROXY header (v1) has a wrong port",
  "binary too long": "its PROXY header (v2) is longer than 4096 bytes",
  "binary version": "its PROXY header (v2) has a wrong version or command",
  "binary family": "its PROXY header (v2) has a wrong family or protocol",
  "binary length": "its PROXY header (v2) is shorter than its addresses",
  "binary TLV": "its PROXY header (v2) has a TLV that is cut off",
  "binary checksum": "its PROXY header (v2) has a wrong checksum (CRC-32C)",
  late: "its PROXY header was not complete within 3s",
  cut: "it left before its PROXY header was complete",
} as const;

const AND_NO_ADDRESS = "so that --allow and --deny find no address";

/** The reasons for which the access rules refuse clients whose PROXY header has no address. */
export const UNADDRESSED_REFUSALS: Readonly<Record<Unaddressed, string>> = {
  UNKNOWN: `its PROXY header says UNKNOWN, ${AND_NO_ADDRESS}`,
  LOCAL: `its PROXY header says LOCAL, ${AND_NO_ADDRESS}`,
  unix: `its PROXY header names a Unix client, ${AND_NO_ADDRESS}`,
  other: `its PROXY header names no TCP client, ${AND_NO_ADDRESS}`,
};

/**
 * All reasons for refusals, except the reasons that contain the error code of a system call, such
 * as `its credential cannot be read (EMFILE)`.
 */
export const KNOWN_REFUSALS: readonly string[] = [
  ...Object.values(REFUSAL_REASONS),
  ...Object.values(HEADER_REFUSALS),
  ...Object.values(UNADDRESSED_REFUSALS),
];
