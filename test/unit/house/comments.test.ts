import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";

// `bun fmt` breaks the lines of code, and leaves comments as they are.
const WIDTH = 100;
const root = join(import.meta.dir, "../../..");

test(`comments have lines of at most ${WIDTH} columns; only tables may be wider`, () => {
  const wide = Array.from(new Glob("{src,test}/**/*.ts").scanSync(root)).flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .map((line, index) => ({ line, at: `${file}:${index + 1}` }))
      .filter(({ line }) => line.length > WIDTH && /^ *(\/\/|\/\*|\*(?! \|))/.test(line)),
  );
  expect(wide.map(({ at }) => at)).toEqual([]);
});
