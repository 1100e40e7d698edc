import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connectEcho, startEcho } from "../../../support/sockets/echo.ts";
import { startRelay, turnedAway } from "../../../support/process/executable.ts";
import { entriesOf } from "../../../support/process/log-entries.ts";
import { startWatched } from "../admin.ts";
import { describePage, CONNECTION_ROWS, connectMany, reads, text } from "./page-bench.ts";

await describePage("the state of relays on the page", ({ at, open, source }) => {
  test("shows several relays together, and one of them by its address", async () => {
    using server = startEcho();
    const file = at("relays.toml");
    const relayOf = (name: string, destination: string) =>
      `[relay.${name}]\nsource = "${at(name)}"\ndestination = "${destination}"\n`;
    writeFileSync(
      file,
      `admin = "127.0.0.1:0"\n${relayOf("web", server.address)}${relayOf("mail", at("missing"))}`,
    );
    await using relay = await startRelay([`--config=${file}`]);
    const admin = String(entriesOf(relay.stderr(), "admin")[0]?.["address"]);
    const clients = await connectMany(at("web"), 2);
    await turnedAway({ unix: at("mail") });
    await using opened = await open(admin);
    const { page, complaints } = opened;
    await reads(page, "#state", /^1 of 2 not ready$/);
    expect(await page.title()).toBe("1 not ready · 2 open · 2 relays");
    expect(await text(page, "#open")).toBe("2");
    expect(await text(page, "#up-note")).toBe("300 B in all");
    expect(await text(page, "#relays tbody tr:nth-child(1)")).toMatch(
      /^mail\s+Not ready: .*missing: no such file/,
    );
    expect(await text(page, "#relays tbody tr:nth-child(2)")).toMatch(/^web\s+Ready\s.*\s2\s/);
    await reads(page, "#failures td:first-child", /^mail: cannot reach .*missing/);
    await page.locator("#throughput path.line.up").waitFor({ state: "attached" });
    await page.getByRole("button", { name: "web", exact: true }).click();
    await reads(page, "#route", new RegExp(`^${at("web")} → ${server.address}$`));
    expect(page.url()).toEndWith("/#relay=web");
    await page.locator(CONNECTION_ROWS).nth(1).waitFor();
    expect(await page.title()).toBe("2 open · web");
    expect(await page.locator("#relays").isVisible()).toBe(false);
    await page.getByRole("combobox", { name: "Relay" }).selectOption("mail");
    await reads(page, "#state", /^Not ready$/);
    expect(await text(page, "#rows-empty")).toBe("No connection is open.");
    await page.goBack();
    await reads(page, "#state", /^Ready$/);
    // A link to a relay that is gone leads to all relays; the browser tells of the answer 400.
    complaints.length = 0;
    await page.goto(`http://${admin}/#relay=gone`);
    await reads(page, "#state", /^1 of 2 not ready$/);
    expect(complaints.filter((complaint) => !complaint.includes("400"))).toEqual([]);
    for (const client of clients) client[Symbol.dispose]();
  });

  test("says when the relay drains, and since when it answers no more", async () => {
    using server = startEcho();
    await using relay = await startWatched([source(), server.address]);
    const client = await connectEcho(relay.address);
    await client.ask("hello");
    await using opened = await open(relay.admin);
    const { page } = opened;
    await reads(page, "#state", /^Ready$/);
    const stopped = relay.stop();
    await reads(page, "#state", /^Draining$/);
    client[Symbol.dispose]();
    expect(await stopped).toBe(0);
    await reads(page, "#state", /^No answer$/);
    const since = /^No answer since \d+:\d\d:\d\d\s[AP]M/;
    const banner = await text(page, "#banner");
    expect(banner).toMatch(since);
    expect(banner).toContain(
      `: ${relay.admin} cannot be reached. The figures below are from then.`,
    );
    expect(await page.title()).toMatch(since);
    expect(await page.title()).toEndWith(` open · ${source()}`);
    expect(await page.locator("html").getAttribute("class")).toBe("stale");
    // It stays the time of the last answer.
    await Bun.sleep(1_200);
    expect(await text(page, "#banner")).toBe(banner);
  });

  test("pauses, and goes on", async () => {
    using server = startEcho();
    await using relay = await startWatched([source(), server.address]);
    await using opened = await open(relay.admin);
    const { page } = opened;
    await reads(page, "#open", /^0$/);
    await page.getByRole("button", { name: "Pause" }).click();
    const resume = page.getByRole("button", { name: "Resume" });
    expect(await resume.getAttribute("aria-pressed")).toBe("true");
    let asked = 0;
    page.on("request", () => (asked += 1));
    // One question may have been under way; a second later there would be another.
    await Bun.sleep(1_500);
    expect(asked).toBeLessThanOrEqual(1);
    const client = await connectEcho(relay.address);
    await resume.click();
    await reads(page, "#open", /^1$/);
    await client.ask("hello");
    client[Symbol.dispose]();
  });
});
