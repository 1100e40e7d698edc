import { PROGRAM } from "../../program/version.ts";
import { NAMED_COMMANDS } from "../../options/commands.ts";
import { COMPLETED_COMMANDS, type Offer, VALUE_FLAGS } from "./completion-model.ts";
import { NAMESPACES_FOLDER } from "../../os/sockets-in-namespace.ts";
import { SERVICE_GLOBS } from "./unit-globs.ts";

/**
 * The completion script for bash 4.2 and later. The script works with and without the package
 * bash-completion.
 */
export function bashScript(): string {
  return `# bash completion for ${PROGRAM}. Made from its option table.

_${PROGRAM}() {
  local before=\${COMP_LINE:0:COMP_POINT} current= previous= command= options= word
  local -a words
  # Bash splits words at = and :, which belong to a word here.
  read -ra words <<<"$before"
  if [[ $before != *[[:space:]] ]]; then
    current=\${words[\${#words[@]} - 1]}
    unset "words[\${#words[@]} - 1]"
  fi
  for word in "\${words[@]:1}"; do
    if _${PROGRAM}_takes_value "$previous"; then
      previous=
      continue
    fi
    previous=$word
    case $word in
      -*) ;;
      ${NAMED_COMMANDS.join(" | ")}) command=\${command:-$word} ;;
      *) command=\${command:-relay} ;;
    esac
  done

  COMPREPLY=()
  if [[ $current == --*=* ]]; then
    _${PROGRAM}_value "\${current%%=*}" "\${current#*=}"
    # Bash completes only the part after the last character of COMP_WORDBREAKS.
    [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("\${COMPREPLY[@]/#/\${current%%=*}=}")
  elif _${PROGRAM}_takes_value "$previous"; then
    _${PROGRAM}_value "$previous" "$current"
  elif [[ $current == -* ]]; then
    case \${command:-relay} in
${COMPLETED_COMMANDS.map(
  ({ name, options }) =>
    `      ${name}) options="${options.map(({ flag, value }) => `--${flag}${value === undefined ? "" : "="}`).join(" ")}" ;;`,
).join("\n")}
    esac
    COMPREPLY=($(compgen -W "$options" -- "$current"))
    [[ \${COMPREPLY[0]-} == *= ]] && compopt -o nospace
  else
    case $command in
      "") COMPREPLY=($(compgen -W "${NAMED_COMMANDS.join(" ")}" -- "$current")); _${PROGRAM}_files "$current" ;;
${COMPLETED_COMMANDS.map(({ name, args }) => `      ${name}) ${bashOffer(args[0]?.offer ?? "nothing", "$current")} ;;`).join("\n")}
    esac
  fi
}

_${PROGRAM}_takes_value() {
  case $1 in
    ${VALUE_FLAGS.map((flag) => `--${flag}`).join(" | ")}) return 0 ;;
  esac
  return 1
}

# Completes the value $2 of the option $1.
_${PROGRAM}_value() {
  local first= last=$2
  case $1 in
    ${listFlags().join(" | ")}) first=\${2%"\${2##*,}"} last=\${2##*,} ;;
  esac
  case $1 in
${[...offersByFlag()].map(([flag, offer]) => `    --${flag}) ${bashOffer(offer, "$last")} ;;`).join("\n")}
  esac
  COMPREPLY=("\${COMPREPLY[@]/#/$first}")
}

_${PROGRAM}_files() {
  local IFS=$'\\n'
  COMPREPLY+=($(compgen -f -- "\${1#unix:}"))
  compopt -o filenames
}

_${PROGRAM}_folders() {
  local IFS=$'\\n'
  COMPREPLY+=($(compgen -d -- "$1"))
  compopt -o filenames
}

_${PROGRAM}_services() {
  local file
  for file in ${SERVICE_GLOBS.join(" ")}; do
    [[ -e $file && \${file##*/} == "$1"* ]] && COMPREPLY+=("\${file##*/}")
  done
}

_${PROGRAM}_namespaces() {
  local file
  [[ $1 == /* ]] && _${PROGRAM}_files "$1"
  for file in ${NAMESPACES_FOLDER}/*; do
    [[ -e $file && \${file##*/} == "$1"* ]] && COMPREPLY+=("\${file##*/}")
  done
}

complete -F _${PROGRAM} ${PROGRAM}
`;
}

/**
 * The bash command that adds the completions of the kind `offer` to COMPREPLY. `word` is the bash
 * expression for the word that the user is typing.
 */
function bashOffer(offer: Offer, word: string): string {
  switch (offer) {
    case "file":
      return `_${PROGRAM}_files "${word}"`;
    case "folder":
      return `_${PROGRAM}_folders "${word}"`;
    case "user":
      return `COMPREPLY+=($(compgen -u -- "${word}"))`;
    case "group":
      return `COMPREPLY+=($(compgen -g -- "${word}"))`;
    case "service":
      return `_${PROGRAM}_services "${word}"`;
    case "network namespace":
      return `_${PROGRAM}_namespaces "${word}"`;
    case "nothing":
      return ":";
    default:
      return `COMPREPLY+=($(compgen -W "${offer.join(" ")}" -- "${word}"))`;
  }
}

/**
 * The completions to offer for the value of each option, without the options for which there are
 * none. The key is the option's name. An option takes the same values in all commands.
 */
function offersByFlag(): ReadonlyMap<string, Offer> {
  return new Map(
    COMPLETED_COMMANDS.flatMap(({ options }) =>
      options.flatMap(({ flag, value }) =>
        value === undefined || value === "nothing" ? [] : [[flag, value] as const],
      ),
    ),
  );
}

function listFlags(): string[] {
  const flags = COMPLETED_COMMANDS.flatMap(({ options }) =>
    options.filter(({ isList }) => isList).map(({ flag }) => `--${flag}`),
  );
  return [...new Set(flags)];
}
