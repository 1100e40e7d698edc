import type { Endpoint } from "../address/address.ts";
import type { CommandName } from "./commands.ts";
import { printTime } from "./parse-time.ts";
import type { ValueType } from "./value-types.ts";

/** The reach of an option in a configuration file: one relay, or the whole process. */
export type Scope = "relay" | "process";

/** The fields that every row of the option table has. */
interface CommonRow {
  /** A description of the option in a few words, for its line in `--help`. */
  readonly help: string;
  /**
   * A description of the option in a few sentences, for the manual pages and for the JSON Schema,
   * which editors show. `{name}` stands for another option; `aboutOption` replaces `{name}` by the
   * option's spelling.
   */
  readonly about: string;
  /** The scope of the option in a configuration file; absent if a file cannot have the option. */
  readonly scope?: Scope;
  /**
   * A second description, written like `about`, of a relay's option that may also stand at the top
   * of a configuration file. There the option applies to all relays together, and this description
   * says how. Absent for all other options.
   */
  readonly aboutProcess?: string;
  /** Set if help shows the option on the previous row's line, after the previous option. */
  readonly sharesLine?: true;
  /**
   * The commands whose help shows only the name of the option, without `help`, to save room. The
   * value true means all commands.
   */
  readonly terse?: true | readonly CommandName[];
  readonly commands: readonly CommandName[];
  /**
   * The kinds of SOURCE for which the option makes sense; absent if it makes sense for all kinds.
   */
  readonly sources?: readonly Endpoint["kind"][];
}

/** One option that takes a value. */
export interface ValueOption<Value> extends CommonRow, ValueType<Value> {
  /**
   * The value of the option if it was not given. If `default` is absent, an option that was not
   * given is absent from the values.
   */
  readonly default?: Value;
  /**
   * The text of the default in help; absent if there is no default or `help` already contains the
   * default.
   */
  readonly shownDefault?: string;
}

/** One option without a value: the user gives the option or leaves it out. */
export interface FlagOption extends CommonRow {
  readonly metavar?: never;
  /** The letter of the option's short form. */
  readonly short?: string;
}

export type OptionRow = ValueOption<unknown> | FlagOption;

/** Rows by the options' names in code; `flagOf` gives the names on the command line. */
export type OptionRows = Readonly<Record<string, OptionRow>>;

/** The fields `default` and `shownDefault` of an option whose value is a time, in milliseconds. */
export function timeDefault(milliseconds: number) {
  return { default: milliseconds, shownDefault: printTime(milliseconds) } as const;
}

/**
 * The fields `default` and `shownDefault` of an option whose value is a word. Help shows the word
 * unchanged.
 */
export function wordDefault<Word extends string>(word: Word) {
  return { default: word, shownDefault: word } as const;
}
