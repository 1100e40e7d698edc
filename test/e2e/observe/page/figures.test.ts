import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { startEcho } from "../../../support/sockets/echo.ts";
import { turnedAway } from "../../../support/process/executable.ts";
import { startWatched, statusOf } from "../admin.ts";
import { describePage, CONNECTION_ROWS, connectMany, reads, text } from "./page-bench.ts";

await describePage("the figures of the page", ({ at, open, source }) => {
  test("shows an idle relay, complains of nothing and asks nobody else", async () => {
    await using relay = await startWatched(["--workers=2", source(), "127.0.0.1:9"]);
    await using opened = await open(relay.admin);
    const { page, complaints } = opened;
    await reads(page, "#state", /^Ready$/);
    expect(await page.title()).toBe(`0 open · ${source()}`);
    expect(await text(page, "#route")).toBe(`${source()} → 127.0.0.1:9`);
    expect(await text(page, "#open")).toBe("0");
    expect(await text(page, "#failures-empty")).toBe("None so far.");
    expect(await text(page, "#rows-empty")).toBe("No connection is open.");
    expect(await page.locator("#relay").isVisible()).toBe(false);
    expect(await page.locator("#relays").isVisible()).toBe(false);
    expect(await page.locator("#banner").isVisible()).toBe(false);
    expect(await text(page, "#process")).toContain(`${relay.pid}`);
    expect(await text(page, "#process")).toContain("2 of 2 workers");
    expect(complaints).toEqual([]);
  });

  test("shows what moves: figures, plots and the table as the status has them", async () => {
    using server = startEcho();
    await using relay = await startWatched([source(), server.address]);
    const clients = await connectMany(relay.address, 5);
    await using opened = await open(relay.admin);
    const { page, complaints } = opened;
    await reads(page, "#open", /^5$/);
    const { traffic } = await statusOf(relay.admin);
    expect(traffic).toMatchObject({ bytes_up: 1_500, bytes_down: 1_500 });
    expect(await text(page, "#up-note")).toBe("1.50 kB in all");
    expect(await page.locator(CONNECTION_ROWS).count()).toBe(5);
    const who = `user ${process.getuid?.()}, process ${process.pid}`;
    expect(await text(page, `${CONNECTION_ROWS}:first-child`)).toContain(who);
    // As soon as the first second is over there is a line to see.
    await page.locator("#throughput path.line.up").waitFor({ state: "attached" });
    await reads(page, "#connections .legend", /open 5/);
    clients[0]?.[Symbol.dispose]();
    await reads(page, "#open", /^4$/);
    await reads(page, "#endings", /finished\s*1/);
    expect(complaints).toEqual([]);
    for (const client of clients) client[Symbol.dispose]();
  });
  test("shows failures by reason, and that the relay is not ready", async () => {
    await using relay = await startWatched([source(), at("missing")]);
    for (let times = 0; times < 3; times += 1) await turnedAway({ unix: source() });
    await using opened = await open(relay.admin);
    const { page, complaints } = opened;
    await reads(page, "#state", /^Not ready$/);
    await reads(page, "#banner", /cannot reach .*missing: no such file or directory \(ENOENT\)/);
    expect(await page.title()).toBe(`Not ready · 0 open · ${source()}`);
    await reads(page, "#failed", /^3$/);
    expect(await text(page, "#failures tr")).toMatch(
      /^cannot reach .*missing: no such file or directory \(ENOENT\)\s+3\s+\d+:\d\d:\d\d/,
    );
    // A chart of their own shows when it was.
    await page.locator("#failure-chart path.line.failed").waitFor({ state: "attached" });
    expect(complaints).toEqual([]);
  });

  test("says that a capture has ended", async () => {
    using server = startEcho();
    const capture = at("capture");
    await using relay = await startWatched([`--capture=${capture}`, source(), server.address]);
    rmSync(capture);
    const [client] = await connectMany(relay.address, 1);
    await using opened = await open(relay.admin);
    await reads(opened.page, "#banner", /^The capture has ended: its file was removed$/);
    client?.[Symbol.dispose]();
  });

  test("shows refused clients by reason", async () => {
    using server = startEcho();
    const args = ["--deny=127.0.0.1/32", "127.0.0.1:0", server.address];
    await using relay = await startWatched(args);
    const port = Number(relay.address.split(":")[1]);
    for (let times = 0; times < 2; times += 1) await turnedAway({ hostname: "127.0.0.1", port });
    await using opened = await open(relay.admin);
    await reads(
      opened.page,
      "#failures td:first-child",
      /^127.0.0.1:\d+ was refused: its address is denied$/,
    );
    expect(await text(opened.page, "#failures td:nth-child(2)")).toBe("2");
    expect(await text(opened.page, "#failed-note")).toContain("2 refused");
  });

  test("draws symmetric traffic above and below the zero line", async () => {
    using server = startEcho();
    await using relay = await startWatched([source(), server.address]);
    const clients = await connectMany(relay.address, 2);
    await using opened = await open(relay.admin);
    const { page } = opened;
    await page.locator("#throughput path.area.down").waitFor({ state: "attached" });
    const [up = NaN, down = NaN, zero = NaN] = await page.evaluate<number[]>(`
      ["path.line.up", "path.line.down", ".zero"].map((part) => {
        const { top, bottom } = document.querySelector("#throughput " + part).getBoundingClientRect();
        return part === "path.line.up" ? top : bottom;
      })`);
    expect(up).toBeLessThan(zero - 5);
    expect(down).toBeGreaterThan(zero + 5);
    for (const client of clients) client[Symbol.dispose]();
  });

  test("shows how long connects took, and the event loop's delay", async () => {
    using server = startEcho();
    await using relay = await startWatched([source(), server.address]);
    await using opened = await open(relay.admin);
    const { page } = opened;
    await reads(page, "#connect-note", /^no connect within a minute$/);
    const clients = await connectMany(relay.address, 3);
    await reads(page, "#connect", /^\d+(\.\d)? (µs|ms)$/);
    await reads(page, "#connect-note", /^p99 \d/);
    await reads(page, "#latency .legend", /event loop \d.*connect p50 .*p99/);
    for (const shape of ["line.usual", "line.slow", "bars.loop"])
      await page.locator(`#latency path.${shape}`).waitFor({ state: "attached" });
    for (const client of clients) client[Symbol.dispose]();
  });
});
