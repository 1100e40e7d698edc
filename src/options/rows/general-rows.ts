import { text } from "../value-types.ts";
import { COMMAND_NAMES } from "../commands.ts";
import type { OptionRows } from "../option-row.ts";

/** The general options: help, the configuration file and the version. */
export const GENERAL_ROWS = {
  help: {
    help: "this help",
    short: "h",
    commands: COMMAND_NAMES,
    about: "Prints help and exits.",
  },
  config: {
    ...text("FILE", (file) => file, "relays.toml"),
    help: "many relays",
    sharesLine: true,
    commands: ["relay", "units"],
    about: "Runs all relays of this configuration file, in place of SOURCE and DESTINATION.",
  },
  version: {
    help: "the version",
    short: "V",
    sharesLine: true,
    commands: ["relay"],
    about: "Prints the program's name and version and exits.",
  },
} as const satisfies OptionRows;
