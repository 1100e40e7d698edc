import {
  parseAccounts,
  parseFolder,
  parseServiceName,
  parseServiceUser,
} from "../parse-systemd-unit-options.ts";
import { text, time } from "../value-types.ts";
import type { OptionRows } from "../option-row.ts";

/** The options that only `units` takes. */
export const UNITS_ROWS = {
  service: {
    ...text("SERVICE", parseServiceName, "app.service"),
    help: "isolates SERVICE, joins its network namespace",
    commands: ["units"],
    about:
      "Locks this service into a network namespace without interfaces (PrivateNetwork=yes), which the relay joins. Clients reach the service only through the relay.",
  },
  onDemand: {
    // If the relay exited after less than a second without a connection, clients could start it
    // again so often that its .socket unit fails (TriggerLimitBurst=).
    ...time({ least: 1_000 }),
    help: "stops SERVICE and relay if unused for TIME",
    commands: ["units"],
    about:
      "Stops the service of {service} and the relay after this long without a connection. The next client starts both.",
  },
  noSocket: {
    help: "the relay itself listens, and always runs",
    commands: ["units"],
    about:
      "Writes no .socket unit. The relay binds the source itself, and always runs. Default: systemd listens, and starts the relay for the first client.",
  },
  userUnit: {
    help: "units for systemctl --user (%t: runtime folder)",
    commands: ["units"],
    about: "Writes units for a user's own service manager: systemctl --user.",
  },
  user: {
    ...text("USER", parseServiceUser, "app"),
    help: "the relay's user (a dynamic user)",
    commands: ["units"],
    about:
      "The user that the relay runs as, by name or number; not root. Default: a user that systemd makes for the relay (DynamicUser=yes).",
  },
  supplementaryGroups: {
    ...text("GROUP", parseAccounts, "www-data"),
    isList: true,
    help: "that user's groups, to open DESTINATION (A,B)",
    commands: ["units"],
    about:
      "Groups that the relay's user also has, so that the relay may open a Unix destination or read its configuration file.",
  },
  output: {
    ...text("DIR", parseFolder, "."),
    help: "writes the files to DIR, prints the next steps",
    commands: ["units"],
    about:
      "Writes the unit files into this folder and prints the commands that come next. Default: prints the units.",
  },
  force: {
    help: "overwrites existing files",
    commands: ["units"],
    about: "Overwrites files in the folder of {output} that differ.",
  },
} as const satisfies OptionRows;
