import { expect, test } from "bun:test";
import axe from "axe-core";
import { startEcho } from "../../../support/sockets/echo.ts";
import { startWatched } from "../admin.ts";
import { describePage, CONNECTION_ROWS, PHONE, connectMany, reads } from "./page-bench.ts";

await describePage("the look of the page", ({ open, source }) => {
  test.each([
    ["wide", { viewport: { width: 1400, height: 900 } }],
    ["narrow", PHONE],
  ])("has no finding of axe, %s, in both colour schemes", async (_, shape) => {
    using server = startEcho();
    await using relay = await startWatched(["127.0.0.1:0", server.address]);
    const clients = await connectMany(relay.address, 3);
    const { page, [Symbol.asyncDispose]: close } = await open(relay.admin, shape);
    const findings = async () => {
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate<axe.AxeResults>("axe.run()");
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    };
    const inBoth = async () => {
      const found: string[] = [];
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        found.push(...(await findings()));
      }
      return found;
    };
    await page.locator("#throughput path.line.up").waitFor({ state: "attached" });
    await page.locator(CONNECTION_ROWS).nth(2).waitFor();
    expect(await inBoth()).toEqual([]);
    await page.getByRole("button", { name: "Client", exact: true }).click();
    await page.getByRole("button", { name: "127.0.0.1", exact: true }).waitFor();
    for (const client of clients) client[Symbol.dispose]();
    await relay.stop();
    await reads(page, "#state", /^No answer$/);
    expect(await inBoth()).toEqual([]);
    await close();
  });

  test("is readable on a phone: nothing has to be scrolled sideways", async () => {
    using server = startEcho();
    await using relay = await startWatched([source(), server.address]);
    const clients = await connectMany(relay.address, 3);
    for (const width of [320, 390]) {
      await using opened = await open(relay.admin, { ...PHONE, viewport: { width, height: 700 } });
      const { page } = opened;
      await reads(page, "#open", /^3$/);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      // Each figure of a connection has its name beside it, as there are no columns.
      const label = await page.evaluate(
        "getComputedStyle(document.querySelector('#by-connection-table td:nth-child(3)'), '::before').content",
      );
      expect(label).toBe('"Age"');
      // What matters first is on the first screen: the state, failures, traffic, connect time.
      for (const id of ["state", "open", "failed", "up", "down", "connect"])
        expect(
          await page.evaluate<number>(
            `document.getElementById("${id}").getBoundingClientRect().bottom`,
          ),
        ).toBeLessThan(520);
    }
    for (const client of clients) client[Symbol.dispose]();
  });

  test("is dark where that is wanted", async () => {
    await using relay = await startWatched([source(), "127.0.0.1:9"]);
    const brightness: number[] = [];
    for (const colorScheme of ["light", "dark"] as const) {
      await using opened = await open(relay.admin, { colorScheme });
      const [red = 0] =
        (
          await opened.page.evaluate<string>("getComputedStyle(document.body).backgroundColor")
        ).match(/\d+/g) ?? [];
      brightness.push(Number(red));
    }
    expect(brightness[0]).toBeGreaterThan(200);
    expect(brightness[1]).toBeLessThan(50);
  });
});
