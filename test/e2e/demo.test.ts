import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runRelay } from "../support/process/executable.ts";
import { onTerminal } from "../support/process/terminal-run.ts";
import { folderForEachTest } from "../support/temporary-folder.ts";

let folder: string;
folderForEachTest("demo", (path) => void (folder = path));

describe("demo", () => {
  test("shows both ways, fits 80 columns, and leaves nothing", async () => {
    const run = await runRelay(["demo"], { env: { TMPDIR: folder } });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toMatch(/sent through +request +upload +rate +sha256\n/);
    expect(run.stdout).toMatch(/the Unix socket +[\d.]+ ms +64\.0 MiB +\d+ MB\/s +same\n/);
    expect(run.stdout).toMatch(/the outer port +[\d.]+ ms +64\.0 MiB +\d+ MB\/s +same\n/);
    expect(run.stdout).toMatch(/relay {2}2 connections, 64\.0 MiB\n/);
    expect(run.stdout).toMatch(/relay {2}4 connections, 128\.0 MiB\n/);
    // As wide as a folder in /tmp makes it.
    const width = 80 - "/tmp".length + folder.length;
    for (const line of run.stdout.split("\n"))
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("--hold keeps it open for the curl lines that it shows, until TERM", async () => {
    using run = await onTerminal(folder, ["demo", "--hold"], { TERM: "xterm", TMPDIR: folder });
    await run.shows(/curl http:.*\r\n/);
    const shown = Bun.stripANSI(run.output);
    const [, path = ""] = /curl --unix-socket (\S+) http:\/\/localhost\//.exec(shown) ?? [];
    const [, url = ""] = /curl (http:\S+)/.exec(shown) ?? [];
    const answers = [await fetch("http://localhost/", { unix: path }), await fetch(url)];
    for (const answer of answers)
      expect(await answer.text()).toBe("Hello from behind the relay.\n");
    expect(await run.stop()).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a temporary folder that is none is a failure of one line", async () => {
    const run = await runRelay(["demo"], { env: { TMPDIR: join(folder, "x".repeat(120)) } });
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.stderr).toMatch(/^simpletcpunixrelay[^\n]+\n$/);
    expect(run.stderr).toContain("too long for a socket; set TMPDIR to a shorter one");
    const missing = join(folder, "missing");
    expect(await runRelay(["demo"], { env: { TMPDIR: missing } })).toEqual({
      ...{ code: 1, stdout: "" },
      stderr:
        `simpletcpunixrelay demo: cannot make a folder for the socket in ${missing}: no such file ` +
        "or directory (ENOENT); set TMPDIR to a folder that can be written\n",
    });
  });
});
