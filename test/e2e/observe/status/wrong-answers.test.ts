import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { runRelay } from "../../../support/process/executable.ts";
import { startWatched } from "../admin.ts";
import { folderForEachTest } from "../../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("status", (path) => void (folder = path));

const start = (destination = "127.0.0.1:9") =>
  startWatched([join(folder, "source"), destination], { admin: join(folder, "admin") });

const UPGRADE = "Connection: upgrade\r\nUpgrade: websocket";

describe("status", () => {
  test("a port that is no admin port gets a hint", async () => {
    await using relay = await startWatched(["127.0.0.1:0", "127.0.0.1:9", "--metrics=@no-admin"]);
    for (const other of [relay.address, "@no-admin"]) {
      const { code, stderr } = await runRelay(["status", other]);
      expect(code).toBe(1);
      expect(stderr).toContain("give the address of --admin, not SOURCE, DESTINATION or --metrics");
    }
  });

  test("where nobody answers is one line and 1", async () => {
    const missing = join(folder, "missing");
    expect(await runRelay(["status", missing])).toEqual({
      code: 1,
      stdout: "",
      stderr:
        `simpletcpunixrelay: cannot ask ${missing}: no such file or directory (ENOENT); ` +
        "is it a running relay's --admin address?\n",
    });
  });

  test.each([
    ["talks something else", "what?\r\n\r\n", ""],
    ["is another web server", "HTTP/1.0 200 OK\r\n\r\n<html>", ""],
    ["answers with an error", "HTTP/1.0 500 No\r\n\r\nno", ""],
    ["speaks another protocol from now on", `HTTP/1.1 101 Go\r\n${UPGRADE}\r\n\r\n`, ""],
    ["answers with little", "HTTP/1.0 200 OK\r\n\r\n{}", ": program of the answer is not a string"],
  ])("where somebody %s is one line and 1", async (_, answer, reason) => {
    const path = join(folder, "other");
    const other = Bun.listen({
      unix: path,
      socket: { data: (socket) => void socket.end(answer) },
    });
    const { code, stderr } = await runRelay(["status", path]);
    other.stop(true);
    expect(stderr).toBe(
      `simpletcpunixrelay: ${path} does not answer as a relay's --admin address would${reason}; ` +
        "give the address of --admin, not SOURCE, DESTINATION or --metrics\n",
    );
    expect(code).toBe(1);
  });

  describe("a false relay", () => {
    /** What every kind of `status` prints if somebody sends such a document. */
    async function printed(document: unknown): Promise<string> {
      const path = join(folder, "false");
      const answer = `HTTP/1.0 200 OK\r\n\r\n${JSON.stringify(document)}`;
      const other = Bun.listen({
        unix: path,
        socket: { data: (socket) => void socket.end(answer) },
      });
      const outcomes = await Promise.all([
        runRelay(["status", path]),
        runRelay(["status", "--json", path]),
      ]);
      other.stop(true);
      return outcomes.map(({ stdout, stderr }) => stdout + stderr).join("");
    }

    const EVIL = "\u001b]0;x\u0007\u009b2J\u202e\r\u2028";
    // What a terminal obeys, line feeds apart, and what reorders text.
    // A tab separates the fields of a record.
    const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/;

    test("cannot make a terminal obey, in strings or where numbers should be", async () => {
      await using relay = await start();
      const { stdout } = await runRelay(["status", "--json", relay.admin]);
      const good: Record<string, unknown> = JSON.parse(stdout);
      for (const name of ["version", "pid", "uptime_seconds", "destination", "options", "open"]) {
        const text = await printed({ ...good, [name]: EVIL });
        expect(text).not.toBe("");
        expect(text).not.toMatch(OBEYED);
      }
      expect(await printed({ ...good, pid: "7" })).toContain("pid of the answer is not a number");
    });
  });

  test.each([
    [["status"], "ADMIN-ADDRESS is missing\nTry: simpletcpunixrelay status --help\n"],
    [["status", "192.0.2.1:80"], 'ADMIN-ADDRESS "192.0.2.1:80" is not loopback'],
    [["status", "nonsense"], "ADMIN-ADDRESS"],
    [["status", "./a", "./b"], "one argument too many"],
    [["status", "--sort=size", "./a"], "not one of age, newest, bytes, rate, held"],
    [["status", "--admin=./a", "./a"], "is not an option of status"],
    [["status", "--watch", "./a"], "--watch needs a terminal"],
  ])("%j is a usage error", async (args, reason) => {
    const { code, stderr } = await runRelay(args);
    expect(code).toBe(64);
    expect(stderr).toContain(reason);
  });

  test("does not ask a proxy", async () => {
    await using relay = await startWatched([join(folder, "source"), "127.0.0.1:9"]);
    const env = { http_proxy: "http://127.0.0.1:1", HTTP_PROXY: "http://127.0.0.1:1" };
    expect(await runRelay(["status", relay.admin], { env })).toMatchObject({ code: 0 });
  });
});
