import { type AST, ParseError, parseTOML } from "toml-eslint-parser";

/** A place in a text; line and column count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A table of a TOML document, with the place of each of its keys. */
export interface TomlTable {
  readonly kind: "table";
  /** The place where the file first names the table. */
  readonly at: Position;
  readonly entries: ReadonlyMap<string, TomlEntry>;
}

export interface TomlEntry {
  /** The place of the key. */
  readonly at: Position;
  readonly value: TomlTable | TomlTables | TomlValue;
}

/** A list of tables (`[[NAME]]`), without their contents. */
export interface TomlTables {
  readonly kind: "tables";
  readonly at: Position;
}

export interface TomlValue {
  readonly kind: "value";
  readonly at: Position;
  /**
   * A string, number, boolean or `Date`, a list of such values, or `{}` for an inline table in a
   * list.
   */
  readonly value: unknown;
  /** The places of a list's elements; empty for any other value. */
  readonly elements: readonly Position[];
}

/** The error about a text that is not valid TOML, with the first mistake and its place. */
export class TomlError extends Error {
  override readonly name = "TomlError";

  constructor(
    message: string,
    readonly at: Position,
  ) {
    super(message);
  }
}

/**
 * Parses a TOML document (https://toml.io/en/v1.0.0).
 *
 * @throws {TomlError} for the first mistake
 */
export function parseToml(text: string): TomlTable {
  // Some editors write a byte order mark (U+FEFF), which is not part of the document.
  const { body } = parse(text.replace(/^\ufeff/, "")).body[0];
  const root = new Table({ line: 1, column: 1 });
  for (const node of body) {
    if (node.type === "TOMLKeyValue") addPair(root, node);
    else if (node.kind === "array") addTables(root, node);
    else {
      const table = root.tableAt(node.key.keys);
      for (const pair of node.body) addPair(table, pair);
    }
  }
  return root;
}

function parse(text: string): AST.TOMLProgram {
  try {
    return parseTOML(text, { tomlVersion: "1.0" });
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new TomlError(error.message, positionOf(error, text));
  }
}

function positionOf({ lineNumber, column, message }: ParseError, text: string): Position {
  // If a part is missing at the end of a line, the parser reports the start of the next line.
  // Return the end of the line that lacks the part.
  const isMissing = /^(Unterminated|Unspecified|Expected)/.test(message);
  if (column > 0 || lineNumber === 1 || !isMissing) return { line: lineNumber, column: column + 1 };
  const before = text.split(/\r?\n/)[lineNumber - 2] ?? "";
  return { line: lineNumber - 1, column: before.length + 1 };
}

type Key = AST.TOMLBare | AST.TOMLQuoted;

class Table implements TomlTable {
  readonly kind = "table";
  readonly entries = new Map<string, TomlEntry>();

  constructor(readonly at: Position) {}

  /**
   * Returns the table at a path of keys, and makes the tables on the path that are missing. No key
   * on the path has a plain value, because the parser refuses such a document.
   */
  tableAt([first, ...rest]: readonly Key[]): Table {
    if (first === undefined) return this;
    const found = this.entries.get(nameOf(first))?.value;
    const table = found instanceof Table ? found : new Table(startOf(first));
    if (table !== found) this.entries.set(nameOf(first), { at: startOf(first), value: table });
    return table.tableAt(rest);
  }
}

function addPair(table: Table, { key, value }: AST.TOMLKeyValue): void {
  const last = key.keys.at(-1);
  if (last === undefined) return;
  const owner = table.tableAt(key.keys.slice(0, -1));
  if (value.type === "TOMLInlineTable") {
    const inner = owner.tableAt([last]);
    for (const pair of value.body) addPair(inner, pair);
  } else {
    owner.entries.set(nameOf(last), { at: startOf(last), value: valueOf(value) });
  }
}

function addTables(root: Table, { key }: AST.TOMLTable): void {
  const last = key.keys.at(-1);
  if (last === undefined) return;
  const at = startOf(last);
  root
    .tableAt(key.keys.slice(0, -1))
    .entries.set(nameOf(last), { at, value: { kind: "tables", at } });
}

function valueOf(node: AST.TOMLContentNode): TomlValue {
  return {
    kind: "value",
    at: startOf(node),
    value: plain(node),
    elements: node.type === "TOMLArray" ? node.elements.map(startOf) : [],
  };
}

function plain(node: AST.TOMLContentNode): unknown {
  switch (node.type) {
    case "TOMLValue":
      return node.value;
    case "TOMLArray":
      return node.elements.map(plain);
    case "TOMLInlineTable":
      return {};
  }
}

function nameOf(key: Key): string {
  return key.type === "TOMLBare" ? key.name : key.value;
}

function startOf({ loc }: AST.TOMLNode): Position {
  return { line: loc.start.line, column: loc.start.column + 1 };
}
