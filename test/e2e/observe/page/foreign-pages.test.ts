import { expect, test } from "bun:test";
import { startRelay } from "../../../support/process/executable.ts";
import { startWatched } from "../admin.ts";
import { describePage, reads } from "./page-bench.ts";

await describePage("the page beside other pages and names", ({ at, browser, open, source }) => {
  test("works through a relay in front of the admin socket", async () => {
    const admin = at("admin");
    await using _relay = await startWatched([source(), "127.0.0.1:9"], { admin });
    await using outer = await startRelay(["127.0.0.1:0", admin]);
    await using opened = await open(outer.address);
    await reads(opened.page, "#state", /^Ready$/);
    expect(opened.complaints).toEqual([]);
  });

  test("is not given to a page that leads another name here", async () => {
    await using relay = await startWatched([source(), "127.0.0.1:9"]);
    const context = await browser().newContext();
    const page = await context.newPage();
    const port = relay.admin.split(":")[1];
    const answer = await page.goto(`http://rebinding.example:${port}/status`);
    expect(answer?.status()).toBe(421);
    await context.close();
  });

  test("is not shown inside another page, nor read by one", async () => {
    await using relay = await startWatched([source(), "127.0.0.1:9"]);
    const other = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () =>
        new Response(`<iframe src="http://${relay.admin}/"></iframe>`, {
          headers: { "content-type": "text/html" },
        }),
    });
    const context = await browser().newContext();
    const page = await context.newPage();
    await page.goto(other.url.href);
    const read = await page.evaluate(
      `fetch("http://${relay.admin}/status").then(() => "read", () => "refused")`,
    );
    expect(read).toBe("refused");
    const framed = page.frames()[1];
    expect(await framed?.locator("#state").count()).toBe(0);
    await context.close();
    await other.stop(true);
  });
});
