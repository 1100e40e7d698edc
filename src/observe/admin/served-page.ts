import { builtPage } from "./build-page.ts" with { type: "macro" };

/** The page as it is sent: all of it in one file, and what a browser may do with it. */
export interface Page {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

const html = builtPage();

/** The page of the admin address. */
export const page: Page = {
  html,
  headers: {
    // Its own script and style by their hashes, and nothing else from anywhere.
    "content-security-policy": [
      "default-src 'none'",
      "connect-src 'self'",
      "img-src data:",
      `script-src ${hashes("script")}`,
      `style-src ${hashes("style")}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
  },
};

/** The content hashes of every element of a kind, as CSP wants them (CSP Level 3, 2.3.1). */
function hashes(element: "script" | "style"): string {
  const pattern = new RegExp(`<${element}[^>]*>(.*?)</${element}>`, "gs");
  const found = Array.from(html.matchAll(pattern), ([, content = ""]) => {
    const digest = new Bun.CryptoHasher("sha256").update(content).digest("base64");
    return `'sha256-${digest}'`;
  });
  return found.join(" ");
}
