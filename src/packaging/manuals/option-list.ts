import {
  aboutOption,
  flagOf,
  isOfFile,
  type OptionGroup,
  type OptionName,
  scopesOf,
} from "../../options/option-table.ts";
import type { OptionRow, Scope } from "../../options/option-row.ts";
import type { ValueSchema } from "../../options/value-types.ts";
import { plain } from "./mdoc.ts";

type Row = OptionGroup["rows"][number];

/**
 * Returns the lines in mdoc(7) that describe the command-line options for which `isMeant` returns
 * true. Each group of options has its title above it.
 */
export function optionList(groups: readonly OptionGroup[], isMeant: (row: Row) => boolean) {
  return groups.flatMap(({ title, rows }) => {
    const meant = rows.filter(isMeant);
    if (meant.length === 0) return [];
    return [
      `.Ss ${title}`,
      ".Bl -tag -width Ds",
      ...meant.flatMap((row) => [...items(row), ...about(row, optionReference), ...isList(row)]),
      ".El",
    ];
  });
}

/**
 * Returns the lines in mdoc(7) that describe the keys of a configuration file: the keys of a relay,
 * or the keys of the whole process, depending on `scope`.
 */
export function keyList(groups: readonly OptionGroup[], scope: Scope) {
  return [
    ".Bl -tag -width Ds",
    ...groups.flatMap(({ rows }) =>
      rows
        .filter(([, row]) => scopesOf(row).includes(scope))
        .flatMap((row) => [
          `.It Ic ${flagOf(row[0])} No = Ar ${keyValue(row[1])}`,
          ...about(row, keyReference, scope),
        ]),
    ),
    ".El",
  ];
}

function items([name, row]: Row): readonly string[] {
  if (row.metavar !== undefined) {
    const [word = "", ...choices] = row.metavar.split("|");
    const value = [`Ar ${word}`, ...choices.map((choice) => `Ns | Ns Cm ${choice}`)];
    return [`.It Fl -${flagOf(name)} Ns = Ns ${value.join(" ")}`];
  }
  const short = row.short === undefined ? "" : `Fl ${row.short} , `;
  return [`.It ${short}Fl -${flagOf(name)}`];
}

/** The type of a key's value in a file. */
function keyValue(row: OptionRow): string {
  if (row.metavar === undefined) return "true";
  const schema: ValueSchema = row.schema;
  if (schema.type === "integer") return "number";
  if (schema.type === "array") return "list";
  return schema.anyOf === undefined ? "string" : '"number or string"';
}

function about(
  [name, row]: Row,
  reference: (name: OptionName) => string,
  scope?: Scope,
): readonly string[] {
  const text = aboutOption(name, (other) => `\n${reference(other)}\n`, scope);
  const words = choicesOf(row);
  const fallback = row.metavar === undefined ? undefined : row.shownDefault;
  return [
    ...inLines(text),
    ...(words.length === 0 ? [] : [`One of ${words.join(", ")}.`]),
    ...(fallback === undefined ? [] : [`Default: ${fallback}.`]),
  ];
}

function isList([, row]: Row): readonly string[] {
  return row.metavar !== undefined && row.isList === true
    ? ["A list; the option may be repeated."]
    : [];
}

function choicesOf(row: OptionRow): readonly string[] {
  return row.metavar === undefined ? [] : (row.schema.enum ?? []);
}

function optionReference(name: OptionName): string {
  return `.Fl -${flagOf(name)}`;
}

function keyReference(name: OptionName): string {
  return isOfFile(name) ? `.Ic ${flagOf(name)}` : optionReference(name);
}

/**
 * Splits a text so that each macro is on a line of its own. Punctuation after a macro stays on the
 * line of the macro.
 */
function inLines(text: string): readonly string[] {
  return text
    .replace(/\n([.,;:)])(?=\s|$)/g, " $1\n")
    .split("\n")
    .flatMap((line) => (line.startsWith(".") ? [line.trim()] : line.trim().split(SENTENCE)))
    .filter((line) => line !== "")
    .map((line) => (/^\.(Fl|Ic) /.test(line) ? line : plain(line)));
}

const SENTENCE = /(?<=[.?!]) (?=[A-Z])/;
