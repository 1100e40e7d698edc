import { DEFAULTS } from "../../relay/options.ts";
import { RELAY_OPTIONS } from "../types-and-ranges-of-relay-options.ts";
import { time } from "../value-types.ts";
import { type OptionRows, timeDefault } from "../option-row.ts";

/**
 * The options that set times: for reaching the destination, for idle connections and for the stop.
 */
export const TIME_ROWS = {
  connectTimeout: {
    ...RELAY_OPTIONS.connectTimeout,
    ...timeDefault(DEFAULTS.connectTimeout),
    help: "time to reach DESTINATION",
    commands: ["relay"],
    scope: "relay",
    about: "How long connecting to the destination may take.",
  },
  connectRetry: {
    ...RELAY_OPTIONS.connectRetry,
    ...timeDefault(DEFAULTS.connectRetry),
    help: "keeps trying if refused",
    commands: ["relay"],
    scope: "relay",
    about:
      "How long the relay keeps trying a destination that refuses or is absent, while the client waits.",
  },
  keepalive: {
    ...RELAY_OPTIONS.keepalive,
    ...timeDefault(DEFAULTS.keepalive),
    help: "probes TCP",
    commands: ["relay"],
    scope: "relay",
    about:
      "The idle time before TCP keepalive probes; 0 sends none. Bytes that stay unacknowledged for as long as the probes would take end the connection, too.",
  },
  idleTimeout: {
    ...RELAY_OPTIONS.idleTimeout,
    help: "ends idle (never)",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Ends a connection on which nothing has moved either way for this long since its destination was reached. A receiver that takes less in this time than the kernel shows counts as idle: a whole buffer of up to 32K (Unix), a sixteenth of its receive buffer (TCP). Default: never.",
  },
  halfCloseTimeout: {
    ...RELAY_OPTIONS.halfCloseTimeout,
    help: "ends idle half-closed ones (never)",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Ends a half-closed connection on which nothing has moved for this long. Default: never.",
  },
  drainTimeout: {
    ...RELAY_OPTIONS.drainTimeout,
    ...timeDefault(DEFAULTS.drainTimeout),
    help: "how long a stop waits",
    commands: ["relay"],
    scope: "process",
    about:
      "How long a stop waits for open connections. It does not wait for a connection on which nothing has moved for 2 s.",
  },
  exitIdleTime: {
    ...time({ least: 1, never: true }),
    help: "exits if unused for TIME (never)",
    terse: true,
    commands: ["relay"],
    scope: "process",
    about:
      "Ends the process with status 0 after this long without a connection, from the start on. With a .socket unit of systemd at least 1s: the unit fails if its relay is started too often. Default: never.",
  },
} as const satisfies OptionRows;
