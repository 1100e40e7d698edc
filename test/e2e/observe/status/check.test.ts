import { describe, expect, test } from "bun:test";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { runRelay, turnedAway } from "../../../support/process/executable.ts";
import { ask, startWatched } from "../admin.ts";
import { folderForEachTest } from "../../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("status", (path) => void (folder = path));

const start = (destination = "127.0.0.1:9") =>
  startWatched([join(folder, "source"), destination], { admin: join(folder, "admin") });

describe("status", () => {
  test("--check says whether clients should be sent there, by the exit status", async () => {
    await using relay = await start(join(folder, "missing"));
    expect(await runRelay(["status", "--check", relay.admin])).toEqual({
      ...{ code: 0, stdout: "ready\n", stderr: "" },
    });
    await turnedAway({ unix: relay.address });
    const { code, stdout, stderr } = await runRelay(["status", "--check", relay.admin]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^simpletcpunixrelay: not ready: .* cannot reach .*\n$/);
    expect(await runRelay(["status", "--check", join(folder, "nobody")])).toMatchObject({
      code: 1,
    });
  });

  test("--check --json says the same as JSON, also if nobody answers", async () => {
    await using relay = await start(join(folder, "missing"));
    const check = ["status", "--check", "--json"];
    expect(await runRelay([...check, relay.admin])).toEqual({
      ...{ code: 0, stdout: '{"ready":true,"not_ready_because":null}\n', stderr: "" },
    });
    await turnedAway({ unix: relay.address });
    for (const admin of [relay.admin, join(folder, "nobody")]) {
      const { code, stdout, stderr } = await runRelay([...check, admin]);
      expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
      expect(JSON.parse(stdout)).toEqual({
        ready: false,
        not_ready_because: expect.stringMatching(/cannot reach|cannot ask/),
      });
    }
  });

  test.each([1, 3])(
    "sees at once that the source's file is gone, with %i workers",
    async (workers) => {
      await using relay = await startWatched([
        ...[`--workers=${workers}`, join(folder, "source"), "127.0.0.1:9"],
      ]);
      const code = async () => (await ask(relay.admin, "/readyz")).status;
      expect(await code()).toBe(200);
      renameSync(relay.address, join(folder, "moved"));
      expect(await code()).toBe(503);
      renameSync(join(folder, "moved"), relay.address);
      expect(await code()).toBe(200);
    },
  );

  test("--wait waits until there is a relay that is ready, and no longer than told", async () => {
    const admin = join(folder, "admin");
    const waiting = runRelay(["status", "--wait=60s", "--check", admin]);
    await using _relay = await start();
    expect(await waiting).toMatchObject({ code: 0, stdout: "ready\n" });
    const { code, stderr } = await runRelay(["status", "--wait=300ms", join(folder, "nobody")]);
    expect(code).toBe(1);
    expect(stderr).toContain("cannot ask ");
  });

  test.each([
    [[], /: no answer within 0\.\d+ s;/],
    [["HTTP/1.0 503 No\r\n\r\n"], /does not answer as a relay's --admin address would;/],
  ])("--wait ends in time where after %j nobody answers", async (answers, reason) => {
    const path = join(folder, "silent");
    const left = [...answers];
    using _silent = Bun.listen({
      unix: path,
      socket: { data: (socket) => void (left.length > 0 && socket.end(left.shift() ?? "")) },
    });
    const { code, stderr } = await runRelay(["status", "--wait=900ms", path]);
    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
  });
});
