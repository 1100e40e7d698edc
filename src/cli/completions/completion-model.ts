import { COMMAND_NAMES, type CommandName, argumentsOf } from "../../options/commands.ts";
import { aboutOption, flagOf, OPTION_ROWS, takes } from "../../options/option-table.ts";
import type { OptionRow } from "../../options/option-row.ts";
import type { ValueSchema } from "../../options/value-types.ts";

/** The shells that have a completion script. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** The kind of completions that a shell offers for an option's value or for an argument. */
export type Offer =
  /** A list of words, of which the user types one. */
  | readonly string[]
  | "file"
  | "folder"
  | "user"
  | "group"
  /** The name of a service unit of systemd. */
  | "service"
  /** The name of a network namespace of ip-netns(8), or an absolute path. */
  | "network namespace"
  | "nothing";

/** The facts about an option that the completion scripts need. */
export interface CompletedOption {
  /** The option's name, without its dashes. */
  readonly flag: string;
  readonly short: string | undefined;
  /** The completions to offer for the value; `undefined` exactly if the option takes no value. */
  readonly value: Offer | undefined;
  /** True if the option takes several values, separated by commas, and may be repeated. */
  readonly isList: boolean;
  readonly about: string;
}

/** The facts about a command that the completion scripts need. */
export interface CompletedCommand {
  readonly name: CommandName;
  readonly options: readonly CompletedOption[];
  /** The arguments of the command, such as SOURCE, in their order. */
  readonly args: readonly { readonly name: string; readonly offer: Offer }[];
}

/** The completions to offer for a value. The key is the name of the value in help (`metavar`). */
export const VALUE_OFFERS: Readonly<Record<string, Offer>> = {
  ADDRESS: "file",
  CIDR: "nothing",
  DIR: "folder",
  FILE: "file",
  GROUP: "group",
  MODE: "nothing",
  N: "nothing",
  NAME: "nothing",
  NETNS: "network namespace",
  SERVICE: "service",
  SIZE: "nothing",
  TIME: "nothing",
  USER: "user",
};

/**
 * The completions to offer for an argument of a command. The key is the argument's name in the
 * synopsis. For an address the shell offers files, because the address may be a socket's path.
 */
const ARGUMENT_OFFERS: Readonly<Record<string, Offer>> = {
  "ADMIN-ADDRESS": "file",
  COMMAND: COMMAND_NAMES,
  DESTINATION: "file",
  FILE: "file",
  SHELL: SHELLS,
  SOURCE: "file",
};

/** All commands with their options from the option table. */
export const COMPLETED_COMMANDS: readonly CompletedCommand[] = COMMAND_NAMES.map((name) => ({
  name,
  options: OPTION_ROWS.filter(([option]) => takes(name, option)).map(([option, row]) => ({
    flag: flagOf(option),
    short: row.metavar === undefined ? row.short : undefined,
    value: row.metavar === undefined ? undefined : offerOf(row),
    isList: row.metavar !== undefined && row.isList === true,
    about: firstSentence(aboutOption(option, (other) => `--${flagOf(other)}`)),
  })),
  args: argumentsOf(name).map((arg) => ({ name: arg, offer: ARGUMENT_OFFERS[arg] ?? "nothing" })),
}));

/** The names, without dashes, of all options that take a value. */
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
