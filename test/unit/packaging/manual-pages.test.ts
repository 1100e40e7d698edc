import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { EXAMPLES } from "../../../src/cli/help/examples.ts";
import { NAMED_COMMANDS } from "../../../src/options/commands.ts";
import { flagOf, OPTION_ROWS, scopesOf } from "../../../src/options/option-table.ts";
import { manualPages } from "../../../src/packaging/manuals/manual-pages.ts";

const src = join(import.meta.dir, "../../../src");
const [relayPage, filePage] = manualPages(new Date("2026-01-02T23:59:59Z"));
const relayText = relayPage?.text ?? "";
const fileText = filePage?.text ?? "";

test("the files are called as man(1) looks for them", () => {
  expect(relayPage?.file).toBe("simpletcpunixrelay.1");
  expect(filePage?.file).toBe("simpletcpunixrelay.toml.5");
});

test.each([["simpletcpunixrelay.1", relayText] as const, ["toml.5", fileText] as const])(
  "%s has its date, and no line of the template is left",
  (_, text) => {
    expect(text).toContain("\n.Dd January 2, 2026\n");
    expect(text).not.toMatch(/^@|@$|\{\w+\}|undefined/m);
    expect(text).toEndWith("\n");
  },
);

describe("simpletcpunixrelay(1)", () => {
  test("has each option once", () => {
    const shown = [...relayText.matchAll(/^\.It (?:Fl \w , )?Fl -([a-z-]+)/gm)].map(
      ([, flag = ""]) => flag,
    );
    expect(shown.toSorted()).toEqual(OPTION_ROWS.map(([name]) => flagOf(name)).toSorted());
  });

  test("has each command", () => {
    for (const name of NAMED_COMMANDS)
      expect(relayText).toMatch(new RegExp(`^\\.It Cm ${name}\\b`, "m"));
  });

  test.each(["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"])(
    "has the signal %s",
    (signal) => {
      expect(relayText).toMatch(new RegExp(`^\\.It Dv .*\\b${signal}\\b`, "m"));
    },
  );

  test.each([0, 1, 64, 78])("has the exit status %s", (status) => {
    expect(relayText).toContain(`\n.It ${status}\n`);
  });

  test("has each variable of the environment that the code reads", () => {
    const files = readdirSync(src, { recursive: true, encoding: "utf8" });
    const code = files
      .filter((file) => file.endsWith(".ts") && !file.startsWith("observe/page"))
      .map((file) => readFileSync(join(src, file), "utf8"))
      .join("\n");
    const read = [
      ...code.matchAll(/env\["([A-Z_]+)"\]/g),
      ...code.matchAll(/^ *"((?:LISTEN|WATCHDOG)_[A-Z]+)"/gm),
      ...code.matchAll(/= "(SIMPLETCPUNIXRELAY_[A-Z_]+)"/g),
    ].map(([, name = ""]) => name);
    const wanted = [...new Set([...read, "NO_COLOR", "TERM"])].filter(
      (name) => name !== "SOURCE_DATE_EPOCH",
    );
    const documented = new Set(
      [...relayText.matchAll(/^\.It Ev (.*)$/gm)].flatMap(([, names = ""]) => names.split(" , ")),
    );
    expect(wanted.length).toBeGreaterThan(5);
    expect(wanted.filter((name) => !documented.has(name))).toEqual([]);
  });

  test("has the examples of all commands", () => {
    const joined = relayText.replace(/ \\e\n +/g, " ");
    for (const { line } of Object.values(EXAMPLES).flat())
      expect(joined).toContain(`simpletcpunixrelay ${line}\n`);
  });

  test("says who can do what", () => {
    expect(relayText).toContain("\n.Sh SECURITY CONSIDERATIONS\n");
  });
});

describe("simpletcpunixrelay.toml(5)", () => {
  test("has each key once for each place where it may stand, and no other", () => {
    const shown = [...fileText.matchAll(/^\.It Ic ([a-z-]+) No = /gm)].map(([, key = ""]) => key);
    const keys = OPTION_ROWS.flatMap(([name, row]) => scopesOf(row).map(() => flagOf(name)));
    expect(shown.toSorted()).toEqual(keys.toSorted());
  });

  test("has the example of the repository", () => {
    const example = readFileSync(join(src, "config/example.toml"), "utf8");
    expect(fileText).toContain(example.slice(example.indexOf("\n") + 1));
  });
});
