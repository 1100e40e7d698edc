import { describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import { runRelay } from "../support/process/executable.ts";
import { onTerminal } from "../support/process/terminal-run.ts";
import { folderForEachTest } from "../support/temporary-folder.ts";

let folder: string;
folderForEachTest("command-line", (path) => void (folder = path));

describe("what was only asked", () => {
  test.each([
    ...[[["--help"]], [["-h"]], [["demo", "--help"]], [["--help", ":1", ":2"]], [["help"]]],
    ...[[["help", "units"]], [["units", "--help"]], [["status", "-h"]]],
  ])("%j is a screen of help on standard output", async (args) => {
    const { code, stdout, stderr } = await runRelay(args);
    expect(stdout).toStartWith("Usage: simpletcpunixrelay ");
    expect(stdout).not.toContain("\u001b");
    expect(stdout.split("\n").length).toBeLessThanOrEqual(25);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });

  test.each(["--version", "-V", "version"])("%s is the version of package.json", async (word) => {
    const run = await runRelay([word]);
    expect(run).toEqual({ code: 0, stdout: `simpletcpunixrelay ${version}\n`, stderr: "" });
  });

  test("help relay explains each option, and has examples", async () => {
    const { code, stdout, stderr } = await runRelay(["help", "relay"]);
    expect(stdout).toMatch(/^ {2}--half-close-timeout=TIME\n {6}Ends a half-closed connection/m);
    expect(stdout).toContain("Examples:\n");
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });

  test("help that cannot be written is a failure", async () => {
    const prefix = ["sh", "-c", 'exec "$@" >/dev/full', "sh"];
    expect((await runRelay(["--help"], { prefix })).code).toBe(1);
  });

  test.each([
    ["a terminal", { TERM: "xterm" }, true],
    ["a terminal where NO_COLOR is set", { TERM: "xterm", NO_COLOR: "1" }, false],
    ["a terminal where NO_COLOR is empty", { TERM: "xterm", NO_COLOR: "" }, true],
    ["a terminal that shows none", { TERM: "dumb" }, false],
  ])("colour on %s: %#", async (_, env, coloured) => {
    using run = await onTerminal(folder, ["--help"], env);
    await run.shows(/--version +this help/);
    expect(run.output.includes("\u001b[")).toBe(coloured);
  });
});

test("neither .env nor bunfig.toml of the working folder is read", async () => {
  writeFileSync(join(folder, ".env"), "NO_COLOR=1\n");
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
  writeFileSync(
    join(folder, "preload.ts"),
    'require("node:fs").writeFileSync("preloaded", ""); throw new Error("preloaded");\n',
  );
  using run = await onTerminal(folder, ["--help"]);
  await run.shows(/--version +this help/);
  // Without colour, .env would have been read.
  expect(run.output).toContain("\u001b[");
  expect(readdirSync(folder)).not.toContain("preloaded");
});
