import type { Endpoint } from "../address/address.ts";
import type { CommandName } from "./commands.ts";
import { printTime } from "./parse-time.ts";
import type { ValueType } from "./value-types.ts";

/** What an option of a relay concerns: one relay, or all relays of its process. */
export type Scope = "relay" | "process";

/** What the table says of every option. */
interface CommonRow {
  /** What the option does, in a few words: its line in `--help`. */
  readonly help: string;
  /**
   * What the option does, in a few sentences: in the manual pages, and for editors in the JSON
   * Schema. `{name}` stands for another option; `aboutOption` fills it in.
   */
  readonly about: string;
  /** Set if a configuration file can have the option. */
  readonly scope?: Scope;
  /**
   * Set if an option of one relay may also stand at the top of a configuration file: what it does
   * there, as `about`.
   */
  readonly aboutProcess?: string;
  /** Set if help shows the option on the previous row's line, after the previous option. */
  readonly sharesLine?: true;
  /**
   * The commands whose help only names the option, on its last lines, to save room; true for all
   * commands.
   */
  readonly terse?: true | readonly CommandName[];
  readonly commands: readonly CommandName[];
  /** The kinds of SOURCE that the option makes sense for; absent for all kinds. */
  readonly sources?: readonly Endpoint["kind"][];
}

/** One option that takes a value. */
export interface ValueOption<Value> extends CommonRow, ValueType<Value> {
  /** Without a default, an option that was not given is absent from the values. */
  readonly default?: Value;
  /** The default as help shows it; absent if `help` already contains the default. */
  readonly shownDefault?: string;
}

/** One option without a value: it is given or not. */
export interface FlagOption extends CommonRow {
  readonly metavar?: never;
  /** The letter of the option's short form. */
  readonly short?: string;
}

export type OptionRow = ValueOption<unknown> | FlagOption;

/** Rows by the options' names in code; `flagOf` gives the names on the command line. */
export type OptionRows = Readonly<Record<string, OptionRow>>;

/** A default time, in milliseconds. */
export function timeDefault(milliseconds: number) {
  return { default: milliseconds, shownDefault: printTime(milliseconds) } as const;
}

/** A default that the user writes as it is. */
export function wordDefault<Word extends string>(word: Word) {
  return { default: word, shownDefault: word } as const;
}
