import { expect, test } from "bun:test";
import fc from "fast-check";
import { holds } from "../../support/property.ts";
import { commandFor, IN_CI, SEED } from "../../support/repeat.ts";

const CI = IN_CI ? "CI=true " : "";
const FILE = "test/unit/house/repeat.test.ts";

test("a random test that fails gives the command that tries the same values again", () => {
  const fails = () =>
    holds(
      import.meta.path,
      fc.property(fc.nat(), (number) => number < 10),
    );
  expect(fails).toThrow(
    `to see it again: ${CI}SEED=${SEED} npx --yes bun@1.4.5 test --timeout 60000 ${FILE}`,
  );
});

test("the command for one test means this one alone, to the shell and to Bun", () => {
  const name = "group it's all (of it) and no more";
  const command = commandFor(import.meta.path, { name });
  const { stdout } = Bun.spawnSync(["sh", "-c", `set -- ${command}; printf %s "$*"`]);
  const words = stdout.toString();
  expect(words).toEndWith(` ${FILE} -t ^group it's all \\(of it\\) and no more$`);
  const pattern = new RegExp(words.slice(words.indexOf("-t ") + 3));
  expect(name).toMatch(pattern);
  expect(`${name} of the others`).not.toMatch(pattern);
});
