import { describe, expect, test } from "bun:test";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { turnedAway } from "../../support/process/executable.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";
import { ask, eventually, metricsOf, startWatched } from "./admin.ts";

let folder: string;
folderForEachTest("readiness", (path) => void (folder = path));

describe("readiness", () => {
  test("is gone while the relay drains", async () => {
    using server = startEcho();
    await using relay = await startWatched(["--drain-timeout=1h", "127.0.0.1:0", server.address]);
    expect(await ask(relay.admin, "/readyz")).toMatchObject({ status: 200, text: "ready\n" });
    const client = await connectEcho(relay.address);
    await client.ask("hello");
    const stopped = relay.stop();
    await relay.logged(/"event":"draining"/);
    expect(await ask(relay.admin, "/readyz")).toMatchObject({
      status: 503,
      text: "not ready: draining\n",
    });
    expect(await ask(relay.admin, "/healthz")).toMatchObject({ status: 200 });
    expect((await metricsOf(relay.admin)).get("ready")).toBe(0);
    client[Symbol.dispose]();
    expect(await stopped).toBe(0);
  });

  test("is gone while the destination refuses, and back with the first that reaches it", async () => {
    const path = join(folder, "service");
    await using relay = await startWatched([join(folder, "source"), path]);
    await turnedAway({ unix: relay.address });
    const refused = await ask(relay.admin, "/readyz");
    expect(refused.status).toBe(503);
    expect(refused.text).toMatch(/^not ready: \d s ago: cannot reach .*\/service: no such file/);
    using _server = startEcho(path);
    const client = await connectEcho(relay.address);
    await client.ask("hello");
    expect(await ask(relay.admin, "/readyz")).toMatchObject({ status: 200 });
    client[Symbol.dispose]();
  });

  test.each([1, 3])(
    "is gone while nobody finds the source's file, and back with it (%d workers)",
    async (workers) => {
      using server = startEcho();
      const source = join(folder, "source");
      await using relay = await startWatched([`--workers=${workers}`, source, server.address]);
      const ready = async () => (await ask(relay.admin, "/readyz")).text;
      renameSync(source, join(folder, "elsewhere"));
      expect(await eventually("not ready", ready, (text) => text !== "ready\n")).toBe(
        "not ready: the source's file is gone: nobody can connect\n",
      );
      expect((await metricsOf(relay.admin)).get("ready")).toBe(0);
      await relay.logged(/"level":"warn".*"event":"source_lost"/);
      renameSync(join(folder, "elsewhere"), source);
      await eventually("ready again", ready, (text) => text === "ready\n");
      await relay.logged(/"level":"info".*"event":"source_back"/);
    },
  );
});
