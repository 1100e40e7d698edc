import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { executablePath, startRelay } from "../support/process/executable.ts";
import { entriesOf } from "../support/process/log-entries.ts";
import { connectText, echoIn } from "../support/sockets/text-client.ts";
import { until } from "../support/waiting.ts";
import { folderForEachTest } from "../support/temporary-folder.ts";

let folder: string;
folderForEachTest("relay-life", (path) => void (folder = path));

// `docker stop` kills after this long, in milliseconds, and reports status 137.
const CONTAINER_PATIENCE = 10_000;
describe("a relay's life", () => {
  test.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)(
    "it relays until %s, and leaves nothing",
    async (signal) => {
      using server = echoIn(folder);
      const path = join(folder, "source");
      await using relay = await startRelay([path, server.path]);
      const { answers, client, closed } = await connectText(path);
      await answers("hello");
      client.end();
      await closed;
      expect(await relay.stop(signal)).toBe(0);
      expect(readdirSync(folder)).toEqual(["echo"]);
      // Whether it still has the connection to end when asked is chance.
      const events = entriesOf(relay.stderr()).map(({ event }) => event);
      expect(events.filter((event) => event !== "draining")).toEqual(["listening", "stopped"]);
    },
  );

  test("USR1 and USR2 do nothing: connections go on", async () => {
    using server = echoIn(folder);
    await using relay = await startRelay(["127.0.0.1:0", server.path]);
    const { answers, client } = await connectText(relay.address);
    await answers("before");
    for (const signal of ["SIGUSR1", "SIGUSR2"] as const) process.kill(relay.pid, signal);
    await answers("after");
    client.end();
    expect(await relay.stop()).toBe(0);
    // Whether it still has the connection to end when asked is chance.
    const events = entriesOf(relay.stderr()).map(({ event }) => event);
    expect(events.filter((event) => event !== "draining")).toEqual(["listening", "stopped"]);
  });

  test("asked to stop, it lets an open connection go on, and ends with it", async () => {
    using server = echoIn(folder);
    await using relay = await startRelay(["--drain-timeout=1h", "127.0.0.1:0", server.path]);
    const { answers, client } = await connectText(relay.address);
    await answers("before");
    const stopped = relay.stop();
    await relay.logged(/"event":"draining","open":1/);
    await answers("after");
    client.end();
    expect(await stopped).toBe(0);
  });

  test("asked twice while its workers start, it leaves no file, and says so", async () => {
    const path = join(folder, "source");
    const command = [
      await executablePath(),
      "--log-format=json",
      "--workers=8",
      path,
      "127.0.0.1:1",
    ];
    const child = Bun.spawn(command, { stderr: "pipe" });
    try {
      await until(() => existsSync(path), "the source's file");
      // Two signals of one kind may arrive as one.
      for (const signal of ["SIGTERM", "SIGINT"] as const) child.kill(signal);
      const log = await new Response(child.stderr).text();
      expect(await child.exited).toBe(0);
      expect(readdirSync(folder)).toEqual([]);
      expect(entriesOf(log)).toMatchObject([
        {
          level: "info",
          event: "stopped",
          message: "stopped at the second request, before all relays had started",
        },
      ]);
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("asked again, it ends at once", async () => {
    using server = echoIn(folder);
    await using relay = await startRelay(["--drain-timeout=1h", "127.0.0.1:0", server.path]);
    const { answers, closed } = await connectText(relay.address);
    await answers("before");
    const stopped = relay.stop();
    await relay.logged(/"event":"draining"/);
    expect(await relay.stop("SIGINT")).toBe(0);
    expect(await stopped).toBe(0);
    await closed;
  });

  test("asked twice in one breath, it ends at once", async () => {
    using server = echoIn(folder);
    await using relay = await startRelay(["--drain-timeout=1h", "127.0.0.1:0", server.path]);
    const { answers, closed } = await connectText(relay.address);
    await answers("before");
    process.kill(relay.pid, "SIGTERM");
    process.kill(relay.pid, "SIGINT");
    expect(await relay.exited).toBe(0);
    await closed;
  });

  test("--drain-timeout ends what does not end", async () => {
    using server = echoIn(folder);
    await using relay = await startRelay(["--drain-timeout=50ms", "127.0.0.1:0", server.path]);
    const { answers, closed } = await connectText(relay.address);
    await answers("before");
    expect(await relay.stop()).toBe(0);
    await closed;
  });

  test("an open connection on which nothing moves is cut after 2 s of a stop", async () => {
    using server = echoIn(folder);
    await using relay = await startRelay(["127.0.0.1:0", server.path]);
    const { answers, closed } = await connectText(relay.address);
    await answers("before");
    const since = performance.now();
    expect(await relay.stop()).toBe(0);
    expect(performance.now() - since).toBeWithin(1_900, CONTAINER_PATIENCE);
    await closed;
    const last = entriesOf(relay.stderr()).at(-1);
    expect(last).toMatchObject({ event: "stopped", cause: "asked", cut: 1 });
  });

  test("connections on which bytes move are cut before a container runtime would kill", async () => {
    using server = echoIn(folder);
    await using relay = await startRelay(["127.0.0.1:0", server.path]);
    const { answers, client, closed } = await connectText(relay.address);
    await answers("before");
    const beat = setInterval(() => void client.write("beat"), 100);
    const since = performance.now();
    expect(await relay.stop()).toBe(0);
    clearInterval(beat);
    expect(performance.now() - since).toBeWithin(7_900, CONTAINER_PATIENCE);
    await closed;
    expect(entriesOf(relay.stderr()).at(-1)).toMatchObject({ event: "stopped", cut: 1 });
  });

  test("the source's file is as it was asked for", async () => {
    const path = join(folder, "source");
    const group = process.getgid?.() ?? 0;
    await using relay = await startRelay(["--mode=0620", `--group=${group}`, path, "127.0.0.1:9"]);
    const { mode, gid } = lstatSync(relay.address);
    expect(mode & 0o7777).toBe(0o620);
    expect(gid).toBe(group);
  });
});

describe("the warning that nothing is encrypted", () => {
  // 192.0.2.0/24 is for documentation (RFC 5737), and no client makes the relay connect to it.
  test.each([
    ["192.0.2.1:9", '"message":"192.0.2.1:9 is not loopback'],
    ["[2001:db8::1]:9", '"message":"[2001:db8::1]:9 is not loopback'],
  ])("is given once towards %s", async (destination, message) => {
    await using relay = await startRelay([join(folder, "source"), destination]);
    expect(await relay.stop()).toBe(0);
    expect(relay.stderr()).toContain(message);
    const warnings = entriesOf(relay.stderr()).filter(({ level }) => level === "warn");
    expect(warnings).toMatchObject([{ event: "not_loopback" }]);
  });

  test("is not given on loopback", async () => {
    await using relay = await startRelay(["127.0.0.1:0", "localhost:9"]);
    expect(await relay.stop()).toBe(0);
    expect(relay.stderr()).not.toContain('"warn"');
  });
});
