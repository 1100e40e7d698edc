/** How tables are written: each with a header of its own, by dotted keys, or in braces. */
export type Style = "headers" | "dotted" | "inline";

type Table = Readonly<Record<string, unknown>>;

/** A document of TOML that says the same. */
export function printToml(document: Table, style: Style): string {
  const plain = Object.entries(document).filter(([, value]) => !isTable(value));
  const tables = Object.entries(document).filter(([, value]) => isTable(value));
  return [
    "# A file that a test made.",
    ...plain.map(([key, value]) => pair(key, value)),
    ...tables.flatMap(([key, table]) => printTable([key], table as Table, style)),
    "",
  ].join("\n");
}

function printTable(path: readonly string[], table: Table, style: Style): string[] {
  const name = path.map(printKey).join(".");
  const plain = Object.entries(table).filter(([, value]) => !isTable(value));
  const tables = Object.entries(table).filter(([, value]) => isTable(value));
  const inner = tables.flatMap(([key, value]) => printTable([...path, key], value as Table, style));
  switch (style) {
    case "headers": {
      const own = plain.map(([key, value]) => pair(key, value));
      return [
        ...(own.length > 0 || tables.length === 0 ? [`[${name}] # a table`] : []),
        ...own,
        ...inner,
      ];
    }
    case "dotted":
      if (plain.length === 0 && tables.length === 0) return [`${name} = {}`];
      return [...plain.map(([key, value]) => `${name}.${pair(key, value)}`), ...inner];
    case "inline":
      if (tables.length > 0) return inner;
      return [`${name} = { ${plain.map(([key, value]) => pair(key, value)).join(", ")} }`];
  }
}

function pair(key: string, value: unknown): string {
  return `${printKey(key)} = ${printValue(value)}`;
}

function printKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

function printValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printValue).join(", ")}]`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function isTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
