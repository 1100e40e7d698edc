import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { StatusDocument } from "../../../../src/observe/admin/status-format.ts";
import { connectEcho, startEcho } from "../../../support/sockets/echo.ts";
import { runRelay, turnedAway } from "../../../support/process/executable.ts";
import { startWatched } from "../admin.ts";
import { folderForEachTest } from "../../../support/temporary-folder.ts";
import { startTwo } from "./two-relays.ts";

let folder: string;
folderForEachTest("status", (path) => void (folder = path));

const start = (destination = "127.0.0.1:9") =>
  startWatched([join(folder, "source"), destination], { admin: join(folder, "admin") });

describe("status", () => {
  test("prints what a relay is doing, whatever kind of address it is asked at", async () => {
    using server = startEcho();
    for (const admin of [join(folder, "admin"), `@status-${crypto.randomUUID()}`, "127.0.0.1:0"]) {
      await using relay = await startWatched([join(folder, "source"), server.address], { admin });
      const connected = await connectEcho(relay.address);
      await connected.ask("hello");
      const { code, stdout, stderr } = await runRelay(["status", relay.admin]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(new RegExp(`^process\tsimpletcpunixrelay\t\\S+\t${relay.pid}\t`, "m"));
      expect(stdout).toContain(`relay\t${relay.address}\tready\t1\t`);
      expect(stdout).toContain(`\t${relay.address}\t${server.address}\t`);
      const client = `user ${process.getuid?.()}, process ${process.pid}`;
      expect(stdout).toContain(`connection\t${relay.address}\t${client}\topen\t`);
      // Nobody looks at a terminal here: there is no padding, and no space but the plain one.
      expect(stdout).not.toMatch(/ {2}| \n|[^ -~\t\n]/);
      // Each line is a record of a kind, or the titles of the records that follow.
      for (const line of stdout.trimEnd().split("\n"))
        expect(line).toMatch(/^(process|relay|traffic|count|failure|connection|more)\t/i);
      connected[Symbol.dispose]();
      await connected.closed;
      expect(await relay.stop()).toBe(0);
    }
  });

  test("lists more connections for programs than on a terminal", async () => {
    using server = startEcho();
    await using relay = await start(server.address);
    const clients = await Promise.all(Array.from({ length: 50 }, () => connectEcho(relay.address)));
    await Promise.all(clients.map((client) => client.ask("hello")));
    const { stdout } = await runRelay(["status", relay.admin]);
    const fields = stdout.split("\n").map((line) => line.split("\t"));
    const bytes = fields.map(([kind, , , , , , , , up]) =>
      kind === "connection" ? Number(up) : 0,
    );
    expect(bytes.reduce((sum, up) => sum + up)).toBe(50 * 5);
    expect(stdout).not.toContain("more\t");
    for (const client of clients) client[Symbol.dispose]();
  });

  test("--json is what /status answers", async () => {
    await using relay = await start();
    const { code, stdout } = await runRelay(["status", "--json", relay.admin]);
    expect(code).toBe(0);
    const status: StatusDocument = JSON.parse(stdout);
    expect(status).toMatchObject({ pid: relay.pid, source: relay.address, open: { sort: "rate" } });
  });

  test("--sort is the order of the list", async () => {
    await using relay = await start();
    const { stdout } = await runRelay(["status", "--json", "--sort=newest", relay.admin]);
    expect(JSON.parse(stdout)).toMatchObject({ open: { sort: "newest" } });
  });

  test("have a record each, and their connections; --relay shows one", async () => {
    using server = startEcho();
    const { relay, admin, web, db } = await startTwo(folder, server);
    await using _relay = relay;
    using client = await connectEcho(web);
    await client.ask("hello");
    await turnedAway({ unix: db });
    const { code, stdout } = await runRelay(["status", admin]);
    expect(code).toBe(0);
    const records = stdout.split("\n").filter((line) => /^[a-z]+\t(web|db)\t/.test(line));
    expect(records.map((line) => line.split("\t").slice(0, 4))).toEqual([
      ["relay", "web", "ready", "1"],
      ["relay", "db", "not ready", "0"],
      ["connection", "web", expect.stringMatching(/^user \d+, process \d+$/), "open"],
    ]);
    const one = await runRelay(["status", "--relay=web", admin]);
    expect(one.stdout).toContain("relay\tweb\tready\t1\t");
    expect(one.stdout).toContain(`\t${web}\t${server.address}\t`);
    expect(one.stdout).not.toMatch(/^[a-z]+\tdb\t/m);
    expect(await runRelay(["status", "--relay=other", admin])).toEqual({
      ...{ code: 1, stdout: "" },
      stderr: 'simpletcpunixrelay: there is no relay "other"; there are web, db\n',
    });
    const json = await runRelay(["status", "--json", admin]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      open: { of: "all", list: [{ relay: "web" }] },
    });
    const checks = await Promise.all(
      [[], ["--relay=web"], ["--relay=db"]].map((one) =>
        runRelay(["status", "--check", ...one, admin]),
      ),
    );
    expect(checks.map(({ code }) => code)).toEqual([1, 0, 1]);
    expect(checks[0]?.stderr).toMatch(/not ready: db: \d+ s ago: cannot reach/);
  });
});
