import type { OptionRows } from "../option-row.ts";

/** The options of `demo`. */
export const DEMO_ROWS = {
  hold: {
    help: "keeps running until Ctrl-C or TERM",
    commands: ["demo"],
    about: "Keeps the service and the relays running until Ctrl-C or TERM.",
  },
} as const satisfies OptionRows;
