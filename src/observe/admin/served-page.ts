import { builtPage } from "./build-page.ts" with { type: "macro" };

/** The page in one file, and the headers that restrict what a browser does with it. */
export interface Page {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

const html = builtPage();

/** The page of the admin address. */
export const page: Page = {
  html,
  headers: {
    // The browser may use only the page's own scripts and styles. The policy names them by their
    // hashes.
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

/** The hashes of all elements of a kind, in CSP's form (CSP Level 3, 2.3.1). */
function hashes(element: "script" | "style"): string {
  const pattern = new RegExp(`<${element}[^>]*>(.*?)</${element}>`, "gs");
  const found = Array.from(html.matchAll(pattern), ([, content = ""]) => {
    const digest = new Bun.CryptoHasher("sha256").update(content).digest("base64");
    return `'sha256-${digest}'`;
  });
  return found.join(" ");
}
