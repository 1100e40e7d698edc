/**
 * Reads unit files as systemd does, from its manuals (systemd.syntax(7), systemd.service(5),
 * systemd.unit(5)) and, where those are silent, from what systemd 252 was seen to do.
 */

/** The settings of a unit, as `Section.Name`, each with its values in order. */
export type Settings = ReadonlyMap<string, readonly string[]>;

export function readUnit(text: string): Settings {
  const settings = new Map<string, string[]>();
  let section = "";
  let continued = "";
  for (const raw of text.split(/[\n\r\0]/)) {
    if (/^[ \t]*[#;]/.test(raw)) continue;
    const line = continued + raw;
    // An odd number of backslashes joins the next line, with a space in place of the last.
    if (/(?<!\\)(\\\\)*\\$/.test(line)) {
      continued = `${line.slice(0, -1)} `;
      continue;
    }
    continued = "";
    const trimmed = line.replace(/^[ \t]+|[ \t]+$/g, "");
    if (trimmed === "") continue;
    const header = /^\[(\w+)\]$/.exec(trimmed)?.[1];
    if (header !== undefined) {
      section = header;
      continue;
    }
    const [, name, value = ""] = /^(\w+)[ \t]*=[ \t]*(.*)$/su.exec(trimmed) ?? [];
    if (name === undefined) throw new Error(`neither a section nor a setting: ${trimmed}`);
    const key = `${section}.${name}`;
    settings.set(key, [...(settings.get(key) ?? []), value]);
  }
  if (continued !== "") throw new Error("the file ends in the middle of a line");
  return settings;
}

/** The arguments that a process gets by a value of `ExecStart=`, its program first. */
export function readExec(value: string): string[] {
  const [program = "", ...words] = readWords(value, "C").map(({ text, quoted }) => {
    if (text === ";" && !quoted) throw new Error("a bare ; begins another command");
    return expandSpecifiers(text);
  });
  // A program is started by its path as it stands; variables are expanded in the rest.
  return [program, ...words.map(expandVariables)];
}

/** The paths of `ReadWritePaths=` and the like, where a backslash only takes a quote's meaning. */
export function readPaths(value: string): string[] {
  return readWords(value, "plain").map(({ text }) => expandSpecifiers(text));
}

/** The paths of `BindPaths=`, where a colon that is not quoted parts source and target. */
export function readBinds(value: string): string[] {
  return readWords(value, "plain").map(({ text, bare }) => {
    if (bare.includes(":")) throw new Error(`a target: ${text}`);
    return expandSpecifiers(text);
  });
}

/** The folders of `RuntimeDirectory=`: quotes first, with escapes kept; then escapes and colons. */
export function readDirectories(value: string): string[] {
  return readWords(value, "kept").map(({ text }) => {
    if (text.includes(":")) throw new Error(`a symbolic link: ${text}`);
    const [word, ...more] = readWords(text.replace(/ /g, "\\x20"), "C");
    if (word === undefined || more.length > 0) throw new Error(`not one folder: ${text}`);
    return expandSpecifiers(word.text);
  });
}

/** What a value that is one text stands for. */
export function readWhole(value: string): string {
  return expandSpecifiers(value);
}

interface Word {
  readonly text: string;
  readonly quoted: boolean;
  /** What of it was outside quotes. */
  readonly bare: string;
}

type Escapes = "C" | "plain" | "kept";

function readWords(value: string, escapes: Escapes): Word[] {
  const words: Word[] = [];
  let at = 0;
  const skip = () => {
    while (/[ \t]/.test(value[at] ?? "")) at += 1;
  };
  for (skip(); at < value.length; skip()) {
    let text = "";
    let bare = "";
    let quote = "";
    let quoted = false;
    for (; at < value.length; at += 1) {
      const character = value[at] ?? "";
      if (character === "\\" && escapes !== "kept") {
        const { read, length } = escapes === "C" ? readEscape(value.slice(at)) : nextOf(value, at);
        text += read;
        at += length - 1;
      } else if (quote !== "") {
        if (character === quote) quote = "";
        else text += character;
      } else if (character === '"' || character === "'") {
        quote = character;
        quoted = true;
      } else if (/[ \t]/.test(character)) break;
      else {
        text += character;
        bare += character;
      }
    }
    if (quote !== "") throw new Error(`a quote is not closed: ${value}`);
    words.push({ text, quoted, bare });
  }
  return words;
}

function nextOf(value: string, at: number): { read: string; length: number } {
  const next = value[at + 1];
  if (next === undefined) throw new Error(`a backslash ends it: ${value}`);
  return { read: next, length: 2 };
}

// systemd.syntax(7), "Quoting"
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", s: " " },
  ...{ "\\": "\\", '"': '"', "'": "'" },
};

function readEscape(rest: string): { read: string; length: number } {
  const hexadecimal = /^\\x([0-9a-f]{2})/i.exec(rest)?.[1];
  if (hexadecimal !== undefined) {
    const code = Number.parseInt(hexadecimal, 16);
    if (code === 0 || code > 0x7f) throw new Error(`a byte that no text has: \\x${hexadecimal}`);
    return { read: String.fromCharCode(code), length: 4 };
  }
  const read = ESCAPES[rest[1] ?? ""];
  if (read === undefined) throw new Error(`an escape that systemd does not know: ${rest}`);
  return { read, length: 2 };
}

function expandSpecifiers(text: string): string {
  return text.replace(/%([\s\S]?)/gu, (_, specifier: string) => {
    if (specifier !== "%") throw new Error(`a specifier: %${specifier} in ${text}`);
    return "%";
  });
}

function expandVariables(word: string): string {
  if (/^\$[^{$]/.test(word)) throw new Error(`a variable that is split into words: ${word}`);
  return word.replace(/\$([\s\S]?)/gu, (_, next: string) => {
    if (next !== "$") throw new Error(`a variable: $${next} in ${word}`);
    return "$";
  });
}
