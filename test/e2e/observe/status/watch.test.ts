import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { StatusDocument } from "../../../../src/observe/admin/status-format.ts";
import { connectEcho, startEcho } from "../../../support/sockets/echo.ts";
import { executablePath, turnedAway } from "../../../support/process/executable.ts";
import { startWatched } from "../admin.ts";
import { folderForEachTest } from "../../../support/temporary-folder.ts";
import { startTwo } from "./two-relays.ts";
import { Watch, watch, ENTER, LEAVE } from "./watch-screen.ts";

let folder: string;
folderForEachTest("status", (path) => void (folder = path));

const start = (destination = "127.0.0.1:9") =>
  startWatched([join(folder, "source"), destination], { admin: join(folder, "admin") });

describe("status --watch", () => {
  test("shows news in place, and why a destination is not reached", async () => {
    await using relay = await start(join(folder, "missing"));
    using screen = await watch(relay.admin);
    await screen.shows(/ready.*failed +0\/s +0/s);
    expect(screen.output).toStartWith(ENTER);
    await turnedAway({ unix: relay.address });
    await screen.shows(/not ready: .*ENOENT 1/s);
    // In place: the second picture begins at the top again, and clears nothing.
    expect(screen.output.split("\u001b[H").length).toBeGreaterThan(2);
    expect(screen.output).not.toContain("\u001b[2J");
    screen.press("q");
    expect(await screen.exited).toBe(0);
  });

  test.each([
    ["q", (screen: Watch) => screen.press("q")],
    ["Escape", (screen: Watch) => screen.press("\u001b")],
    ["Ctrl-C", (screen: Watch) => screen.press("\u0003")],
    ["INT", (screen: Watch) => screen.kill("SIGINT")],
    ["TERM", (screen: Watch) => screen.kill("SIGTERM")],
  ])("gives the terminal back on %s", async (_, end) => {
    await using relay = await start();
    using screen = await watch(relay.admin);
    await screen.shows(/q: quit/);
    end(screen);
    expect(await screen.exited).toBe(0);
    expect(screen.output).toEndWith(LEAVE);
  });

  test("s sorts by the next figure", async () => {
    await using relay = await start();
    using screen = await watch(relay.admin, "--sort=age");
    await screen.shows(/sort order \(now age\)/);
    screen.press("s");
    await screen.shows(/sort order \(now newest\)/);
    screen.press("q");
    expect(await screen.exited).toBe(0);
  });

  test("waits for a relay that is restarted", async () => {
    await using first = await start();
    using screen = await watch(first.admin);
    await screen.shows(/ready/);
    await first.stop();
    await screen.shows(/cannot ask .*ENOENT/);
    await using _second = await start();
    await screen.shows(/process \d+.*ready/s);
    screen.press("q");
    expect(await screen.exited).toBe(0);
  });

  test.each([
    ["--watch", /ready.*q: quit/s],
    ["--sort=age", /ready.*open connections/s],
  ])("is seen with %s on a terminal that does not know its size", async (option, seen) => {
    await using relay = await start();
    const status = [await executablePath(), "status", option, relay.admin];
    using screen = new Watch(["sh", "-c", 'stty rows 0 cols 0 && exec "$0" "$@"', ...status]);
    await screen.shows(seen);
  });

  test("with --json is a line a second, on no terminal", async () => {
    await using relay = await start();
    const child = Bun.spawn([await executablePath(), "status", "--watch", "--json", relay.admin], {
      env: {},
      stdout: "pipe",
    });
    let text = "";
    for await (const part of child.stdout) {
      text += Buffer.from(part).toString();
      if (text.split("\n").length > 2) child.kill("SIGINT");
    }
    expect(await child.exited).toBe(0);
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line): StatusDocument => JSON.parse(line));
    expect(lines.length).toBeGreaterThanOrEqual(2);
    expect(lines.every(({ pid }) => pid === relay.pid)).toBe(true);
  });

  test("--watch shows them with the relay's name at each connection", async () => {
    using server = startEcho();
    const { relay, admin, web } = await startTwo(folder, server);
    await using _relay = relay;
    using client = await connectEcho(web);
    await client.ask("hello");
    using screen = await watch(admin);
    await screen.shows(
      /2 relays, all ready.*open connections +1 .*RELAY +STATE.*web +ready.*web +user \d+/s,
    );
    screen.press("q");
    expect(await screen.exited).toBe(0);
  });
});
