import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commandLines, EXAMPLES } from "../../cli/help/examples.ts";
import { COMMAND_NAMES, type CommandName } from "../../options/commands.ts";
import { OPTION_GROUPS } from "../../options/option-table.ts";
import { PROGRAM } from "../../program/version.ts";
import { mdocDate, plain, wrapLines } from "./mdoc.ts";
import { keyList, optionList } from "./option-list.ts";

/** One manual page in mdoc(7). */
export interface ManualPage {
  /** The page's file: `simpletcpunixrelay.1`. */
  readonly file: string;
  readonly text: string;
}

const FILES = [`${PROGRAM}.1`, `${PROGRAM}.toml.5`] as const;

const ROOM = import.meta.dir;

/**
 * The manual pages, from their templates and the option table.
 *
 * @param date - the date that the pages show
 * @throws {Error} if a template has an unknown line `@…@`
 */
export function manualPages(date: Date): readonly ManualPage[] {
  return FILES.map((file) => {
    const template = readFileSync(join(ROOM, `${file}.in`), "utf8");
    const text = template
      .replace("@DATE@", mdocDate(date))
      .replace(/^@(.*)@$/gm, (_, request: string) => fill(request).join("\n"));
    return { file, text: wrapLines(text) };
  });
}

/**
 * Returns the lines that replace the line `@…@` of a template. `request` is the text between the
 * two `@`, such as `OPTIONS units`.
 */
function fill(request: string): readonly string[] {
  const [kind, ...words] = request.split(" ");
  switch (kind) {
    case "OPTIONS":
      return optionsOf(COMMAND_NAMES.filter((name) => words.includes(name)));
    case "KEYS":
      return keyList(OPTION_GROUPS, words[0] === "process" ? "process" : "relay");
    case "EXAMPLES":
      return examples();
    case "EXAMPLE":
      return exampleFile();
    default:
      throw new Error(`the template has an unknown line: @${request}@`);
  }
}

/**
 * If `relay` is among `commands`, lists the options of `relay`, and no others. Else lists the
 * options of `commands` that are not also options of `relay`.
 */
function optionsOf(commands: readonly CommandName[]): readonly string[] {
  const isRelay = commands.includes("relay");
  return optionList(
    OPTION_GROUPS,
    ([, row]) =>
      row.commands.includes("relay") === isRelay &&
      row.commands.some((command) => commands.includes(command)),
  );
}

function examples(): readonly string[] {
  return COMMAND_NAMES.flatMap((name) => EXAMPLES[name]).flatMap((example, index) => [
    ...(index === 0 ? [] : [".Pp"]),
    plain(example.does),
    ...literal(commandLines(example)),
  ]);
}

function exampleFile(): readonly string[] {
  const text = readFileSync(join(ROOM, "../../config/example.toml"), "utf8");
  return literal(text.trimEnd().split("\n").slice(1));
}

function literal(lines: readonly string[]): readonly string[] {
  return [".Bd -literal -offset indent", ...lines.map(plain), ".Ed"];
}
