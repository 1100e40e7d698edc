import { afterAll, beforeAll } from "bun:test";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { connectEcho, type EchoClient } from "../../../support/sockets/echo.ts";
import { describeNeeding, program } from "../../../support/machine/parts.ts";
import { PATIENCE } from "../../../support/waiting.ts";
import { folderForEachTest } from "../../../support/temporary-folder.ts";

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

/** The rows of the table of connections, as a selector. */
export const CONNECTION_ROWS = "#by-connection-table tbody tr";

export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** What the tests of the page share. */
export interface PageBench {
  readonly browser: () => Browser;
  /** A path in a folder that each test has for itself. */
  readonly at: (name: string) => string;
  /** The path of the relay's source. */
  readonly source: () => string;
  /** A page that fails the test for whatever a browser complains about or asks elsewhere. */
  readonly open: (
    address: string,
    options?: BrowserContextOptions,
  ) => Promise<
    AsyncDisposable & {
      readonly page: Page;
      readonly complaints: string[];
    }
  >;
}

/** A `describe` with a Chromium that is closed after its tests. */
export function describePage(title: string, body: (bench: PageBench) => void): Promise<void> {
  return describeNeeding(title, [program("chromium")], () => {
    let browser: Browser;
    let folder: string;

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    }, 60_000);
    afterAll(() => browser.close());
    folderForEachTest("page", (path) => void (folder = path));

    const at = (name: string) => join(folder, name);
    body({
      at,
      browser: () => browser,
      source: () => at("source"),
      open: (address, options) => openPage(browser, address, options),
    });
  });
}

async function openPage(browser: Browser, address: string, options: BrowserContextOptions = {}) {
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

/** The text of an element. */
export const text = (page: Page, selector: string) => page.locator(selector).innerText();

/** The text of the element that has the focus. */
export const focused = (page: Page) => page.evaluate<string>("document.activeElement.textContent");

/** Waits until an element's text is as wanted. */
export const reads = (page: Page, selector: string, wanted: RegExp) =>
  page.locator(selector, { hasText: wanted }).first().waitFor();

/** Clients that have sent 100 bytes, 200 bytes, and so on, and got them back. */
export async function connectMany(address: string, count: number): Promise<EchoClient[]> {
  const clients: EchoClient[] = [];
  for (let index = 1; index <= count; index += 1) {
    const client = await connectEcho(address);
    await client.ask("x".repeat(index * 100));
    clients.push(client);
  }
  return clients;
}
