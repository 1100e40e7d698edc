import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../../observe/log/log.ts";
import { groupId } from "../../os/user-ids.ts";
import { parseAdminAddress, parseMetricsAddress } from "../admin-address.ts";
import { RELAY_OPTIONS } from "../types-and-ranges-of-relay-options.ts";
import { account, mode } from "../system-value-types.ts";
import { choice, text } from "../value-types.ts";
import { type OptionRows, wordDefault } from "../option-row.ts";

/** The options of the log, the status, the metrics and the capture. */
export const OBSERVATION_ROWS = {
  logLevel: {
    ...choice<LogLevel>("LEVEL", LOG_LEVELS),
    ...wordDefault<LogLevel>("info"),
    help: "debug to error",
    commands: ["relay"],
    scope: "process",
    about: "Logs lines of this level and of more severe levels.",
  },
  logFormat: {
    ...choice<LogFormat>("FORMAT", LOG_FORMATS),
    ...wordDefault<LogFormat>("auto"),
    help: "format",
    sharesLine: true,
    commands: ["relay"],
    scope: "process",
    about:
      "The format of log lines; auto is journal, pretty or plain, depending on what standard error is.",
  },
  admin: {
    ...text("ADDRESS", (written) => parseAdminAddress(written, "to listen on"), "/run/app/admin"),
    help: "status and metrics",
    commands: ["relay"],
    scope: "process",
    about:
      "Serves a page, the status, metrics and health at this address: a Unix socket or a loopback port. Default: off.",
  },
  accessLog: {
    help: "logs each client",
    sharesLine: true,
    commands: ["relay"],
    scope: "process",
    about: "Logs one line for each connection, when it ends.",
  },
  adminMode: {
    ...mode(),
    help: "the mode of the admin socket's file (0660)",
    terse: true,
    commands: ["relay"],
    scope: "process",
    about: "The permissions of the admin socket's file, in octal digits.",
  },
  adminGroup: {
    ...account("group", groupId),
    help: "the group of the admin socket's file (the relay's own)",
    terse: true,
    commands: ["relay"],
    scope: "process",
    about:
      "The group of the admin socket's file, by name or number. Default: the group of the process.",
  },
  metrics: {
    ...text("ADDRESS", parseMetricsAddress, "0.0.0.0:9100"),
    help: "metrics and health for anybody who can connect",
    terse: true,
    commands: ["relay"],
    scope: "process",
    about:
      "Serves /metrics, /healthz and /readyz, and nothing else, at this address: a TCP address or a Unix socket. Default: off.",
  },
  capture: {
    ...RELAY_OPTIONS.capture,
    help: "captures all connections in FILE, for Wireshark",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Captures all connections in this file (pcapng, for Wireshark and tshark), as TCP conversations. Passwords and other secrets that go through are in the file, too; only the relay's user can read it. An earlier capture gets the suffix .1, or a higher number if a process still writes .1. A full disk ends the capture, and nothing else; so does the removal of the file. No other relay can capture into the same file. Default: off.",
  },
  captureBytes: {
    ...RELAY_OPTIONS.captureBytes,
    help: "the most bytes of a packet in the capture (all)",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The most bytes of each packet in {capture}, its 40 bytes of headers included. Default: all.",
  },
  captureMax: {
    ...RELAY_OPTIONS.captureMax,
    help: "begins a new capture at this size, keeps the last two (no limit)",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The most bytes of the file of {capture}, such as 100M, at least 128K. Then a new file begins, and the full one gets the suffix .1, in place of the one before it. Default: one file without a limit.",
  },
} as const satisfies OptionRows;
