import { COMMAND_NAMES, type CommandName, wordsOf } from "../../options/commands.ts";
import { aboutOption, flagOf, OPTION_ROWS, takes } from "../../options/option-table.ts";
import type { OptionRow } from "../../options/option-row.ts";
import type { ValueSchema } from "../../options/value-types.ts";

/** The shells that have a completion script. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What a shell offers for a value or a word. */
export type Offer =
  /** One of these words. */
  | readonly string[]
  | "file"
  | "folder"
  | "user"
  | "group"
  /** The name of a service unit of systemd. */
  | "service"
  | "nothing";

/** An option as the completion scripts know it. */
export interface CompletedOption {
  /** The option's name, without its dashes. */
  readonly flag: string;
  readonly short: string | undefined;
  /** What to offer for the value; `undefined` if the option takes none. */
  readonly value: Offer | undefined;
  /** Set if commas separate several values, and the option may be repeated. */
  readonly isList: boolean;
  readonly about: string;
}

/** A command as the completion scripts know it. */
export interface CompletedCommand {
  readonly name: CommandName;
  readonly options: readonly CompletedOption[];
  /** The words of the command, in their order, and what to offer for each. */
  readonly words: readonly { readonly name: string; readonly offer: Offer }[];
}

/** What to offer for a value, by the name that help gives the value. */
export const VALUE_OFFERS: Readonly<Record<string, Offer>> = {
  ADDRESS: "file",
  CIDR: "nothing",
  DIR: "folder",
  FILE: "file",
  GROUP: "group",
  MODE: "nothing",
  N: "nothing",
  NAME: "nothing",
  NETNS: "file",
  SERVICE: "service",
  SIZE: "nothing",
  TIME: "nothing",
  USER: "user",
};

/** What to offer for a word, by its name in the synopsis. An address may be a socket's path. */
const WORD_OFFERS: Readonly<Record<string, Offer>> = {
  "ADMIN-ADDRESS": "file",
  COMMAND: COMMAND_NAMES,
  DESTINATION: "file",
  FILE: "file",
  SHELL: SHELLS,
  SOURCE: "file",
};

/** All commands, from the option table. */
export const COMPLETED_COMMANDS: readonly CompletedCommand[] = COMMAND_NAMES.map((name) => ({
  name,
  options: OPTION_ROWS.filter(([option]) => takes(name, option)).map(([option, row]) => ({
    flag: flagOf(option),
    short: row.metavar === undefined ? row.short : undefined,
    value: row.metavar === undefined ? undefined : offerOf(row),
    isList: row.metavar !== undefined && row.isList === true,
    about: firstSentence(aboutOption(option, (other) => `--${flagOf(other)}`)),
  })),
  words: wordsOf(name).map((word) => ({ name: word, offer: WORD_OFFERS[word] ?? "nothing" })),
}));

/** All options that take a value, of any command. */
export const VALUE_FLAGS: readonly string[] = OPTION_ROWS.filter(
  ([, row]) => row.metavar !== undefined,
).map(([name]) => flagOf(name));

function offerOf({ metavar, schema }: Extract<OptionRow, { readonly metavar: string }>): Offer {
  const words = fixedWords(schema);
  return words.length > 0 ? words : (VALUE_OFFERS[metavar] ?? "nothing");
}

function fixedWords({ enum: words = [], anyOf = [] }: ValueSchema): readonly string[] {
  return [...words, ...anyOf.flatMap(fixedWords)];
}

function firstSentence(text: string): string {
  return text.replace(/[.;] .*|[.]$/s, "");
}
