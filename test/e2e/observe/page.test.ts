import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { connectEcho, type EchoClient, startEcho } from "../../support/sockets/echo.ts";
import { startRelay, turnedAway } from "../../support/process/executable.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";
import { PATIENCE } from "../../support/waiting.ts";
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
    expect(await text(page, "#rows-empty")).toBe("None.");
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
    expect(await page.locator("tbody tr").count()).toBe(5);
    const who = `user ${process.getuid?.()}, process ${process.pid}`;
    expect(await text(page, "tbody tr:first-child")).toContain(who);
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
    await reads(page, "tbody tr:first-child", /300 B/);
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
    expect(await text(page, "#failed")).toBe("3");
    expect(await text(page, "#failures")).toMatch(/^ENOENT\s+3$/);
    expect(await text(page, "#last-failure")).toContain("cannot reach");
    expect(complaints).toEqual([]);
  });

  test("says when the relay drains, and when it answers no more", async () => {
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
    await reads(page, "#banner", /^No answer since/);
    expect(await page.locator("html").getAttribute("class")).toBe("stale");
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
        "getComputedStyle(document.querySelector('tbody td:nth-child(3)'), '::before').content",
      );
      expect(label).toBe('"Age"');
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
