import { type Sort, SORTS } from "../../observe/figures/open-connections.ts";
import { choice, text, time } from "../value-types.ts";
import { type OptionRows, wordDefault } from "../option-row.ts";

/** The options of `status`. */
export const STATUS_ROWS = {
  sort: {
    ...choice<Sort>("ORDER", SORTS),
    ...wordDefault<Sort>("rate"),
    help: "age, newest, bytes, rate or held",
    commands: ["status"],
    about:
      "The order of the open connections: the oldest or the newest first, or those first that moved the most bytes, move the most now, or have the most bytes held in the relay.",
  },
  relay: {
    ...text("NAME", (name) => name, "web"),
    help: "shows one relay of several, with its history",
    commands: ["status"],
    about: "Shows one relay of a process that has several, with its history. Default: all relays.",
  },
  watch: {
    help: "updates the status in place until q or Ctrl-C",
    commands: ["status"],
    about: "Updates the status in place once a second, until q or Ctrl-C.",
  },
  check: {
    help: "tells only if the relay is ready: exit status 0 or 1",
    commands: ["status"],
    about:
      "Tells only if all relays of the process are ready: exit status 0 if they are, or else 1 and a line with the reason.",
  },
  wait: {
    ...time({ least: 1 }),
    help: "waits at most TIME until the relay is ready",
    commands: ["status"],
    about: "Waits at most this long until the relays are ready; exit status 1 if they are not.",
  },
  json: {
    help: "prints JSON; with --watch one line a second",
    commands: ["status"],
    about:
      "Prints the status as JSON; with {watch} one line each second; with {check} whether the relays are ready and why not.",
  },
} as const satisfies OptionRows;
