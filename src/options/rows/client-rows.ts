import { RELAY_OPTIONS } from "../types-and-ranges-of-relay-options.ts";
import type { OptionRows } from "../option-row.ts";

/**
 * The options about clients: the rules for their access, and the information that the destination
 * gets about a client.
 */
export const CLIENT_ROWS = {
  allow: {
    ...RELAY_OPTIONS.allow,
    help: "TCP clients allowed",
    commands: ["relay"],
    scope: "relay",
    about: "Accepts TCP clients only from these addresses and ranges. Default: from everywhere.",
  },
  deny: {
    ...RELAY_OPTIONS.deny,
    help: "refused (A,B/8)",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about: "Refuses TCP clients from these addresses and ranges, even if {allow} contains them.",
  },
  allowUsers: {
    ...RELAY_OPTIONS.allowUsers,
    help: "Unix clients allowed by user",
    commands: ["relay"],
    scope: "relay",
    about:
      "Accepts a Unix client only if it runs as one of these users or has one of the groups in {allowGroups}. Default: accepts all.",
  },
  allowGroups: {
    ...RELAY_OPTIONS.allowGroups,
    help: "group",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Accepts a Unix client only if it has one of these groups or runs as one of the users in {allowUsers}. Default: accepts all.",
  },
  proxyProtocol: {
    ...RELAY_OPTIONS.proxyProtocol,
    help: "v1, v2: names the client",
    commands: ["relay"],
    scope: "relay",
    about:
      "Tells the destination who the client is, by a header of the PROXY protocol before the client's first byte. The destination must expect it. Default: off.",
  },
  acceptProxy: {
    ...RELAY_OPTIONS.acceptProxy,
    help: "reads it",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Expects a header of the PROXY protocol, v1 or v2, from a proxy in front of the relay. The address in the header is the client's, for access rules, limits, logs and {proxyProtocol}. A connection without a valid header within 3 s is reset. Default: off.",
  },
  acceptProxyFrom: {
    ...RELAY_OPTIONS.acceptProxyFrom,
    help: "the proxies that may connect to a TCP SOURCE",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The proxies that may connect to a TCP source, by address or range. Required there with {acceptProxy}: any other client could claim any address.",
  },
} as const satisfies OptionRows;
