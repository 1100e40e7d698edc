import { expect, test } from "bun:test";
import { startEcho } from "../../../support/sockets/echo.ts";
import { startWatched, statusOf } from "../admin.ts";
import { describePage, CONNECTION_ROWS, connectMany, focused, reads, text } from "./page-bench.ts";

await describePage("the table of connections on the page", ({ open, source }) => {
  test("is sorted and read without a mouse", async () => {
    using server = startEcho();
    await using relay = await startWatched([source(), server.address]);
    const clients = await connectMany(relay.address, 3);
    await using opened = await open(relay.admin);
    const { page } = opened;
    await reads(page, "#open", /^3$/);
    const heading = (name: string) =>
      page.locator("th", { has: page.getByRole("button", { name }) });
    expect(await heading("Age").getAttribute("aria-sort")).toBe("descending");
    await page.getByRole("button", { name: "Bytes from the client" }).focus();
    await page.keyboard.press("Enter");
    await reads(page, `${CONNECTION_ROWS}:first-child`, /300 B/);
    expect(await heading("Bytes from the client").getAttribute("aria-sort")).toBe("descending");
    expect(await heading("Age").getAttribute("aria-sort")).toBeNull();
    // From the pause button the first Tab leads into the plot, whose arrow keys choose a moment.
    await page.locator("#throughput path.line.up").waitFor({ state: "attached" });
    await page.getByRole("button", { name: "Pause" }).focus();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.id")).toBe("throughput");
    await page.keyboard.press("ArrowLeft");
    await reads(page, "#throughput .when", /^\d+ s ago$/);
    expect(await page.locator("#throughput line.cursor").count()).toBe(1);
    await page.keyboard.press("Escape");
    await page.locator("#throughput line.cursor").waitFor({ state: "detached" });
    for (const client of clients) client[Symbol.dispose]();
  });

  test("updates its rows in place: a selection survives, and so does the focus", async () => {
    using server = startEcho();
    await using relay = await startWatched([source(), server.address]);
    const clients = await connectMany(relay.address, 3);
    await using opened = await open(relay.admin);
    const { page } = opened;
    await reads(page, "#open", /^3$/);
    // By bytes, so that rows would change their places.
    await page.getByRole("button", { name: "Bytes from the client" }).click();
    await reads(page, `${CONNECTION_ROWS}:first-child`, /300 B/);
    await page.evaluate(`{
      const rows = document.querySelectorAll("${CONNECTION_ROWS}");
      rows[0].id = "first";
      getSelection().setBaseAndExtent(rows[0].cells[0].firstChild, 0, rows[1].cells[1].firstChild, 4);
    }`);
    const selected = await page.evaluate<string>("getSelection().toString()");
    expect(selected).toContain("process");
    await clients[0]?.ask("x".repeat(5_000));
    await reads(page, CONNECTION_ROWS, /5.10 kB/);
    expect(await page.evaluate<string>("getSelection().anchorNode.data")).toStartWith("user");
    expect(await page.evaluate("getSelection().isCollapsed")).toBe(false);
    expect(await page.locator(`${CONNECTION_ROWS}:first-child`).getAttribute("id")).toBe("first");
    // Without a selection the row with the most bytes comes first, in the same element.
    await page.evaluate("getSelection().empty()");
    await reads(page, `${CONNECTION_ROWS}:first-child`, /5.10 kB/);
    expect(await page.locator(`${CONNECTION_ROWS}:nth-child(2)`).getAttribute("id")).toBe("first");

    await page.getByRole("button", { name: "Client", exact: true }).click();
    const client = page.getByRole("button", { name: `user ${process.getuid?.()}`, exact: true });
    await client.focus();
    await clients[1]?.ask("x".repeat(9_000));
    await reads(page, "#by-client-table tbody tr", /14.6 kB/);
    expect(await focused(page)).toBe(`user ${process.getuid?.()}`);
    for (const client of clients) client[Symbol.dispose]();
  });

  test("leads to each of many connections: by a filter, by pages, by clients", async () => {
    using server = startEcho();
    await using relay = await startWatched(["127.0.0.1:0", server.address]);
    const port = Number(relay.address.split(":")[1]);
    const sockets = await Promise.all(
      Array.from({ length: 230 }, () =>
        Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } }),
      ),
    );
    await using opened = await open(relay.admin);
    const { page, complaints } = opened;
    await reads(page, "#table-note", /^1 to 20 of 230 connections$/);
    await page.getByRole("combobox", { name: "Rows" }).selectOption("100");
    await reads(page, "#table-note", /^1 to 100 of 230 connections$/);
    for (const range of [/^101 to 200 of 230/, /^201 to 230 of 230/]) {
      await page.getByRole("button", { name: "Next" }).click();
      await reads(page, "#table-note", range);
    }
    expect(await page.getByRole("button", { name: "Next" }).isDisabled()).toBe(true);
    // The last one is on no page that a filter shows first.
    const { open: all } = await statusOf(relay.admin, "?limit=1000");
    const last = all.list.at(-1)?.client ?? "";
    await page.locator("#find").fill(`open ${last}`);
    await reads(page, "#table-note", /^1 connection, 230 open$/);
    expect(await page.locator(CONNECTION_ROWS).count()).toBe(1);
    expect(await text(page, `${CONNECTION_ROWS} td:first-child`)).toBe(last);
    await page.locator("#find").fill("nobody");
    await reads(page, "#rows-empty", /^No open connection matches the filter.$/);
    await page.locator("#find").fill("");

    await page.getByRole("button", { name: "Client", exact: true }).click();
    await reads(page, "#by-client-table td:nth-child(2)", /^230$/);
    expect(await text(page, "#table-note")).toBe("1 client");
    await page.getByRole("button", { name: "127.0.0.1", exact: true }).click();
    await reads(page, "#table-note", /^1 to 100 of 230 connections$/);
    const chosen = page.getByRole("button", { name: "Only 127.0.0.1; show all clients" });
    expect(await focused(page)).toBe("127.0.0.1 ✕");
    await page.keyboard.press("Enter");
    await chosen.waitFor({ state: "hidden" });
    // A page that is gone becomes the last page that there is.
    await page.getByRole("button", { name: "Next" }).click();
    await reads(page, "#table-note", /^101 to 200/);
    for (const socket of sockets.splice(0, 200)) socket.terminate();
    await reads(page, "#table-note", /^30 connections$/);
    for (const socket of sockets) socket.terminate();
    expect(complaints).toEqual([]);
  });
});
