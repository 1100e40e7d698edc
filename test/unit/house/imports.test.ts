import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

const src = join(import.meta.dir, "../../../src");

/** The table of `src/README.md`: a room, and the rooms that it may import from. */
function allowedImports(): Map<string, ReadonlySet<string>> {
  const table = readFileSync(join(src, "README.md"), "utf8").split("\n");
  const rows = table.filter((line) => line.startsWith("| `")).map((line) => line.split("|"));
  return new Map(
    rows.map(([, room = "", , rooms = ""]) => [
      room.trim().replaceAll("`", ""),
      new Set(rooms.trim() === "any room" ? roomsOf(files()) : [...backQuoted(rooms)]),
    ]),
  );
}

function backQuoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
}

function files(): string[] {
  return readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
}

function roomsOf(paths: readonly string[]): string[] {
  return [...new Set(paths.map((path) => dirname(path)))];
}

/** The files that a file imports, type imports and imports at run time included. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  const found = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g);
  return [...found].map(([, path = ""]) => normalize(join(dirname(file), path)));
}

test("every room is in the table of src/README.md, and the table has no other", () => {
  expect([...allowedImports().keys()].sort()).toEqual(roomsOf(files()).sort());
});

test("imports between rooms are those that src/README.md allows", () => {
  const allowed = allowedImports();
  const forbidden = files().flatMap((file) => {
    const room = dirname(file);
    return importsOf(file)
      .filter((path) => dirname(path) !== room && !path.startsWith(".."))
      .filter((path) => allowed.get(room)?.has(dirname(path)) !== true)
      .map((path) => `${file} imports ${path}`);
  });
  expect(forbidden).toEqual([]);
});

test("no file imports itself by way of others", () => {
  const graph = new Map(files().map((file) => [file, importsOf(file)]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, way: readonly string[]) => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(" > "));
    if (done.has(file) || way.includes(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...way, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  expect(circles).toEqual([]);
});

/**
 * What a file imports when it is loaded: files and packages, without imports of types and imports
 * at run time.
 */
function loadedWith(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  const found = text.matchAll(/^(?:import|export)(?! type\b)[\w\s{},*$]*\bfrom "([^"]+)";/gm);
  return [...found].map(([, name = ""]) =>
    name.startsWith(".") ? normalize(join(dirname(file), name)) : name,
  );
}

test("the start of a relay loads no package but citty and consola", () => {
  const loaded = new Set(["main.ts"]);
  for (const name of loaded)
    if (name.endsWith(".ts")) for (const next of loadedWith(name)) loaded.add(next);
  const packages = [...loaded].filter((name) => !/\.(ts|json)$|^(node|bun):/.test(name));
  expect(packages.sort()).toEqual(["citty", "consola/core"]);
});

test("only src/os calls the system through FFI", () => {
  const users = files().filter((file) =>
    readFileSync(join(src, file), "utf8").includes('"bun:ffi"'),
  );
  expect(users.filter((file) => relative("os", file).startsWith(".."))).toEqual([]);
});
