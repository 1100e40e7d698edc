import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import axe from "axe-core";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { connectEcho, type EchoClient, startEcho } from "../../support/sockets/echo.ts";
import { startRelay, turnedAway } from "../../support/process/executable.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";
import { PATIENCE } from "../../support/waiting.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { startWatched, statusOf } from "./admin.ts";

const CHROMIUM = "/usr/bin/chromium";

// No sandbox, as root has none; and nothing that would talk with anybody but the page's relay.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A name of somebody else that leads here, as in DNS rebinding.
  "--host-resolver-rules=MAP rebinding.example 127.0.0.1",
];

const ROWS = "#by-connection-table tbody tr";

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

await describeNeeding("the page in Chromium", [program("chromium")], () => {
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  }, 60_000);

  afterAll(async () => {
    await browser.close();
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "page-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** A page that fails the test for whatever a browser complains about or asks elsewhere. */
  async function open(address: string, options: BrowserContextOptions = {}) {
    const origin = `http://${address}`;
    const context = await browser.newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => complaints.push(message.text()));
    page.on("request", (request) => {
      if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith("data:"))
        complaints.push(`asked ${request.url()}`);
    });
    await page.goto(origin);
    return {
      page,
      complaints,
      [Symbol.asyncDispose]: () => context.close(),
    };
  }

  const text = (page: Page, selector: string) => page.locator(selector).innerText();

  const focused = (page: Page) => page.evaluate<string>("document.activeElement.textContent");

  /** Waits until an element's text is as wanted. */
  const reads = (page: Page, selector: string, wanted: RegExp) =>
    page.locator(selector, { hasText: wanted }).first().waitFor();

  const source = () => join(folder, "source");

  async function connectMany(address: string, count: number): Promise<EchoClient[]> {
    const clients: EchoClient[] = [];
    for (let index = 1; index <= count; index += 1) {
      const client = await connectEcho(address);
      await client.ask("x".repeat(index * 100));
      clients.push(client);
    }
    return clients;
  }

  test("shows an idle relay, complains of nothing and asks nobody else", async () => {
    await using relay = await startWatched([source(), "127.0.0.1:9"]);
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
    expect(await page.locator(ROWS).count()).toBe(5);
    const who = `user ${process.getuid?.()}, process ${process.pid}`;
    expect(await text(page, `${ROWS}:first-child`)).toContain(who);
    // As soon as the first second is over there is a line to see.
    await page.locator("#throughput path.line.up").waitFor({ state: "attached" });
    await reads(page, "#connections .legend", /open 5/);
    clients[0]?.[Symbol.dispose]();
    await reads(page, "#open", /^4$/);
    await reads(page, "#endings", /finished\s*1/);
    expect(complaints).toEqual([]);
    for (const client of clients) client[Symbol.dispose]();
  });

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
    await reads(page, `${ROWS}:first-child`, /300 B/);
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

  test("shows failures by reason, and that the relay is not ready", async () => {
    await using relay = await startWatched([source(), join(folder, "missing")]);
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
    const capture = join(folder, "capture");
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

  test("updates its rows in place: a selection survives, and so does the focus", async () => {
    using server = startEcho();
    await using relay = await startWatched([source(), server.address]);
    const clients = await connectMany(relay.address, 3);
    await using opened = await open(relay.admin);
    const { page } = opened;
    await reads(page, "#open", /^3$/);
    // By bytes, so that rows would change their places.
    await page.getByRole("button", { name: "Bytes from the client" }).click();
    await reads(page, `${ROWS}:first-child`, /300 B/);
    await page.evaluate(`{
      const rows = document.querySelectorAll("${ROWS}");
      rows[0].id = "first";
      getSelection().setBaseAndExtent(rows[0].cells[0].firstChild, 0, rows[1].cells[1].firstChild, 4);
    }`);
    const selected = await page.evaluate<string>("getSelection().toString()");
    expect(selected).toContain("process");
    await clients[0]?.ask("x".repeat(5_000));
    await reads(page, ROWS, /5.10 kB/);
    expect(await page.evaluate<string>("getSelection().anchorNode.data")).toStartWith("user");
    expect(await page.evaluate("getSelection().isCollapsed")).toBe(false);
    expect(await page.locator(`${ROWS}:first-child`).getAttribute("id")).toBe("first");
    // Without a selection the row with the most bytes comes first, in the same element.
    await page.evaluate("getSelection().empty()");
    await reads(page, `${ROWS}:first-child`, /5.10 kB/);
    expect(await page.locator(`${ROWS}:nth-child(2)`).getAttribute("id")).toBe("first");

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
    expect(await page.locator(ROWS).count()).toBe(1);
    expect(await text(page, `${ROWS} td:first-child`)).toBe(last);
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

  test("shows several relays together, and one of them by its address", async () => {
    using server = startEcho();
    const file = join(folder, "relays.toml");
    const relayOf = (name: string, destination: string) =>
      `[relay.${name}]\nsource = "${join(folder, name)}"\ndestination = "${destination}"\n`;
    writeFileSync(
      file,
      `admin = "127.0.0.1:0"\n${relayOf("web", server.address)}${relayOf("mail", join(folder, "missing"))}`,
    );
    await using relay = await startRelay([`--config=${file}`]);
    const admin = String(entriesOf(relay.stderr(), "admin")[0]?.["address"]);
    const clients = await connectMany(join(folder, "web"), 2);
    await turnedAway({ unix: join(folder, "mail") });
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
    await reads(page, "#route", new RegExp(`^${join(folder, "web")} → ${server.address}$`));
    expect(page.url()).toEndWith("/#relay=web");
    await page.locator(ROWS).nth(1).waitFor();
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
    await page.locator(ROWS).nth(2).waitFor();
    expect(await inBoth()).toEqual([]);
    await page.getByRole("button", { name: "Client", exact: true }).click();
    await page.getByRole("button", { name: "127.0.0.1", exact: true }).waitFor();
    for (const client of clients) client[Symbol.dispose]();
    await relay.stop();
    await reads(page, "#state", /^No answer$/);
    expect(await inBoth()).toEqual([]);
    await close();
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

  test("works through a relay in front of the admin socket", async () => {
    const admin = join(folder, "admin");
    await using _relay = await startWatched([source(), "127.0.0.1:9"], { admin });
    await using outer = await startRelay(["127.0.0.1:0", admin]);
    await using opened = await open(outer.address);
    await reads(opened.page, "#state", /^Ready$/);
    expect(opened.complaints).toEqual([]);
  });

  test("is not given to a page that leads another name here", async () => {
    await using relay = await startWatched([source(), "127.0.0.1:9"]);
    const context = await browser.newContext();
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
    const context = await browser.newContext();
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
