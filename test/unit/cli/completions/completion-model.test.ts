import { describe, expect, test } from "bun:test";
import {
  COMPLETED_COMMANDS,
  SHELLS,
  VALUE_OFFERS,
} from "../../../../src/cli/completions/completion-model.ts";
import { completionScript } from "../../../../src/cli/completions/completion-scripts.ts";
import { OPTION_ROWS } from "../../../../src/options/option-table.ts";

describe("what is offered for a value", () => {
  test("is decided for each kind of value", () => {
    const metavars = OPTION_ROWS.flatMap(([, { metavar }]) => metavar?.split("|")[0] ?? []);
    const fixed = new Set(["FORMAT", "LEVEL", "ORDER", "VERSION"]);
    const undecided = metavars.filter((name) => !(name in VALUE_OFFERS) && !fixed.has(name));
    expect(undecided).toEqual([]);
  });

  test("is the same for an option in all commands", () => {
    const offers = new Map<string, unknown>();
    for (const { flag, value } of COMPLETED_COMMANDS.flatMap(({ options }) => options)) {
      expect(offers.get(flag) ?? value).toEqual(value);
      offers.set(flag, value);
    }
    expect(offers.get("log-level")).toEqual(["debug", "info", "warn", "error"]);
    expect(offers.get("workers")).toEqual(["auto"]);
  });
});

test.each(SHELLS)("the script of %s has no empty list and nothing undefined", (shell) => {
  const script = completionScript(shell);
  expect(script).not.toMatch(/undefined|\[object/);
  expect(script).toEndWith("\n");
});
