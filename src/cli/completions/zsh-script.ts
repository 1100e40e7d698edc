import { PROGRAM } from "../../program/version.ts";
import { COMMANDS, NAMED_COMMANDS } from "../../options/commands.ts";
import {
  COMPLETED_COMMANDS,
  type CompletedCommand,
  type CompletedOption,
  type Offer,
  VALUE_FLAGS,
} from "./completion-model.ts";
import { NAMESPACES_FOLDER } from "../../os/sockets-in-namespace.ts";
import { SERVICE_GLOBS } from "./unit-globs.ts";

/**
 * The completion script for zsh. The script works as a file in a folder of `fpath`, and also if zsh
 * sources the script.
 */
export function zshScript(): string {
  return `#compdef ${PROGRAM}
# zsh completion for ${PROGRAM}. Made from its option table.

_${PROGRAM}() {
  local command=relay word previous=
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case $previous in
      (${VALUE_FLAGS.map((flag) => `--${flag}`).join("|")}) previous=; continue ;;
    esac
    previous=$word
    case $word in
      (-*) ;;
      (${NAMED_COMMANDS.join("|")}) command=$word; break ;;
      (*) break ;;
    esac
  done
  case $command in
${COMPLETED_COMMANDS.map(commandCase).join("\n")}
  esac
}

_${PROGRAM}_first() {
  local -a commands=(
${NAMED_COMMANDS.map((name) => `    ${quoted(`${name}:${COMMANDS[name].summary}`)}`).join("\n")}
  )
  _alternative 'commands:command:{_describe command commands}' 'files:SOURCE:_files'
}

_${PROGRAM}_services() {
  local -a services=(${SERVICE_GLOBS.map((glob) => `${glob}(N:t)`).join(" ")})
  compadd -a services
}

_${PROGRAM}_namespaces() {
  local -a names=(${NAMESPACES_FOLDER}/*(N:t))
  if [[ $PREFIX == /* ]]; then _files; else compadd -a names; fi
}

if [[ $funcstack[1] == _${PROGRAM} ]]; then
  _${PROGRAM} "$@"
else
  compdef _${PROGRAM} ${PROGRAM}
fi
`;
}

function commandCase({ name, options, args }: CompletedCommand): string {
  const first = name === "relay" ? [] : [`1: :(${name})`];
  const positional = args.map(({ name: word, offer }, index) => {
    const place = first.length + index + 1;
    return name === "relay" && index === 0
      ? `1: :_${PROGRAM}_first`
      : `${place}:${word}:${zshOffer(offer)}`;
  });
  const specs = [...options.map(optionSpec), ...first, ...positional];
  return `    (${name})
      _arguments -S \\
${specs.map((spec) => `        ${quoted(spec)}`).join(" \\\n")} ;;`;
}

function optionSpec({ flag, short, value, isList, about }: CompletedOption): string {
  const explained = `[${about.replace(/[[\]\\]/g, "\\$&")}]`;
  if (value === undefined)
    return short === undefined
      ? `--${flag}${explained}`
      : `(-${short} --${flag})--${flag}${explained}`;
  const action = isList && value !== "nothing" ? `_sequence ${zshOffer(value)}` : zshOffer(value);
  return `${isList ? "*" : ""}--${flag}=${explained}:${flag}:${action}`;
}

/** The action of `_arguments` that offers completions (zshcompsys(1)). */
function zshOffer(offer: Offer): string {
  switch (offer) {
    case "file":
      return "_files";
    case "folder":
      return "_files -/";
    case "user":
      return "_users";
    case "group":
      return "_groups";
    case "service":
      return `_${PROGRAM}_services`;
    case "network namespace":
      return `_${PROGRAM}_namespaces`;
    case "nothing":
      return " ";
    default:
      return `(${offer.join(" ")})`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
