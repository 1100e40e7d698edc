import type { Position } from "./toml-tree.ts";

/**
 * Returns a hint about a value that is not valid TOML, mostly because the quotes are missing, as in
 * `mode = 0660`, `connect-timeout = 5s` or `source = /run/web/socket`. Empty if the line has
 * another mistake.
 *
 * @param at - the place where the parser found the mistake
 */
export function quoteHint(text: string, { line }: Position): string {
  const written = text.split(/\r?\n/)[line - 1] ?? "";
  const [, key = "", value = ""] =
    /^\s*([\w-]+)\s*=\s*([^\s"'[{#][^"'#]*?)\s*(?:#.*)?$/.exec(written) ?? [];
  if (value === "") return "";
  if (/^(?:yes|no|on|off|true|false)$/i.test(value)) return "; write true or false";
  if (/^0\d+$/.test(value) && !key.endsWith("mode")) return "; write it without leading zeros";
  return `; write text in quotes: ${key} = "${value}"`;
}
