import { PROGRAM } from "../../program/version.ts";
import { COMMANDS, NAMED_COMMANDS } from "../../options/commands.ts";
import {
  COMPLETED_COMMANDS,
  type CompletedCommand,
  type CompletedOption,
  type Offer,
} from "./completion-model.ts";
import { NAMESPACES_FOLDER } from "../../os/sockets-in-namespace.ts";
import { SERVICE_GLOBS } from "./unit-globs.ts";

/** The completion script for fish 3.0 and later. */
export function fishScript(): string {
  return [
    `# fish completion for ${PROGRAM}. Made from its option table.`,
    "",
    `function __${PROGRAM}_services`,
    `    for file in ${SERVICE_GLOBS.join(" ")}`,
    "        string replace -r '.*/' '' -- $file",
    "    end",
    "end",
    "",
    `function __${PROGRAM}_namespaces`,
    "    set -l word (commandline -ct | string replace -r '^--[^=]*=' '')",
    "    if string match -q '/*' -- $word",
    "        __fish_complete_path $word",
    "    else",
    `        for file in ${NAMESPACES_FOLDER}/*`,
    "            string replace -r '.*/' '' -- $file",
    "        end",
    "    end",
    "end",
    "",
    ...NAMED_COMMANDS.map((name) =>
      complete("-n __fish_use_subcommand", `-a ${name}`, `-d ${quoted(COMMANDS[name].summary)}`),
    ),
    ...COMPLETED_COMMANDS.flatMap((command) => ["", ...commandLines(command)]),
    "",
  ].join("\n");
}

function commandLines({ name, options, args }: CompletedCommand): string[] {
  const condition =
    name === "relay"
      ? `-n ${quoted(`not __fish_seen_subcommand_from ${NAMED_COMMANDS.join(" ")}`)}`
      : `-n ${quoted(`__fish_seen_subcommand_from ${name}`)}`;
  const offer = args[0]?.offer ?? "nothing";
  return [
    // Without `-f` fish also offers files. So leave out `-f` only if the command's first argument
    // is a file.
    ...(offer === "file" ? [] : [complete(condition, "-f", ...fishOffer(offer, false))]),
    ...options.map((option) => complete(condition, ...optionWords(option))),
  ];
}

function optionWords({ flag, short, value, isList, about }: CompletedOption): string[] {
  return [
    ...(short === undefined ? [] : [`-s ${short}`]),
    `-l ${flag}`,
    ...(value === undefined ? [] : value === "file" ? ["-r -F"] : ["-x"]),
    ...(value === undefined ? [] : fishOffer(value, isList)),
    `-d ${quoted(about)}`,
  ];
}

/** The arguments of fish's command `complete` that offer completions. */
function fishOffer(offer: Offer, isList: boolean): string[] {
  switch (offer) {
    case "file":
    case "nothing":
      return [];
    case "folder":
      return [call("__fish_complete_directories", false)];
    case "user":
      return [call("__fish_complete_users", isList)];
    case "group":
      return [call("__fish_complete_groups", isList)];
    case "service":
      return [call(`__${PROGRAM}_services`, false)];
    case "network namespace":
      return [call(`__${PROGRAM}_namespaces`, false)];
    default:
      return [`-a ${quoted(offer.join(" "))}`];
  }
}

function call(command: string, isList: boolean): string {
  return `-a ${quoted(isList ? `(__fish_complete_list , ${command})` : `(${command})`)}`;
}

function complete(...words: readonly string[]): string {
  return ["complete", `-c ${PROGRAM}`, ...words].join(" ");
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
