import type { Style } from "../../observe/log/terminal-style.ts";
import {
  aboutOption,
  flagOf,
  OPTION_GROUPS,
  type OptionGroup,
} from "../../options/option-table.ts";
import { COMMAND_DESCRIPTIONS } from "./command-descriptions.ts";
import { exampleLines } from "./examples.ts";
import { spelling, synopsis } from "./help-screen.ts";

const COLUMNS = 80;
const INDENT = "      ";

/** The text of `help relay`: a description of each option of a relay, and examples. */
export function explainRelay(look: Style): string {
  return [
    `${look.bold("Usage:")} ${look.cyan(synopsis("relay"))}`,
    "",
    ...COMMAND_DESCRIPTIONS.relay,
    "A TIME is 500ms, 5s, 2min, 1h or bare seconds. An option that takes a list",
    "(--allow=A,B) may be repeated.",
    "",
    ...OPTION_GROUPS.flatMap((group) => groupLines(group, look)),
    ...exampleLines("relay", look).slice(1),
    "",
  ].join("\n");
}

function groupLines({ title, rows }: OptionGroup, { bold, cyan }: Style): string[] {
  const own = rows.filter(([, row]) => row.commands.includes("relay"));
  if (own.length === 0) return [];
  const options = own.flatMap(([name, row]) => [
    `  ${cyan(spelling(name, row))}`,
    ...wrap(describe(name, row)).map((line) => `${INDENT}${line}`),
  ]);
  return [bold(`${title}:`), ...options, ""];
}

function describe(...[name, row]: OptionGroup["rows"][number]): string {
  const about = aboutOption(name, (other) => `--${flagOf(other)}`);
  const fallback = row.metavar === undefined ? undefined : row.shownDefault;
  return fallback === undefined ? about : `${about} Default: ${fallback}.`;
}

/** Breaks a text into lines that still fit on a screen when they are indented by `INDENT`. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || INDENT.length + last.length + 1 + word.length > COLUMNS)
      lines.push(word);
    else lines.splice(-1, 1, `${last} ${word}`);
  }
  return lines;
}
