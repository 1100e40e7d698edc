import { parseUnitName } from "../parse-systemd-unit-options.ts";
import { text } from "../value-types.ts";
import type { OptionRows } from "../option-row.ts";

/** The options about the network namespace of the process and about the relay's name. */
export const PROCESS_ROWS = {
  requirePrivateNetwork: {
    help: "refuses to start where there is a network interface besides loopback",
    terse: true,
    commands: ["relay"],
    scope: "process",
    about: "Refuses to start if the network namespace has any interface besides loopback.",
  },
  name: {
    ...text("NAME", parseUnitName, "relay-app"),
    help: "the units' name (relay-...); NAME@: a template",
    terse: ["relay"],
    commands: ["relay", "units"],
    about:
      "The relay's name in logs, metrics and status, and the name of its units. For units, a name that ends in @ makes a template. Default: SOURCE; for units a name that begins with relay-.",
  },
} as const satisfies OptionRows;
