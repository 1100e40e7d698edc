import { expect, test } from "bun:test";
import { ADDRESS_FORMS } from "../../../src/address/address.ts";
import { manualPages } from "../../../src/packaging/manuals/manual-pages.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";

const pages = manualPages(new Date("2026-01-02T00:00:00Z"));

/** What mandoc(1) writes to standard output; it gets the page on standard input. */
async function mandoc(text: string, ...args: readonly string[]): Promise<string> {
  const child = Bun.spawn(["mandoc", ...args], {
    stdin: Buffer.from(text),
    stdout: "pipe",
    stderr: "ignore",
  });
  return await new Response(child.stdout).text();
}

await describeNeeding("the manual pages", [program("mandoc")], () => {
  test.each(pages.map(({ file, text }) => [file, text] as const))(
    "%s is clean for mandoc -Tlint",
    async (_, text) => {
      const found = (await mandoc(text, "-Tlint")).split("\n").filter(
        // The machine of the tests has few manuals installed.
        (line) => line !== "" && !line.includes("referenced manual not found"),
      );
      expect(found).toEqual([]);
    },
  );

  test("a mistake in a page would be found", async () => {
    expect(await mandoc(`${pages[0]?.text}.Nonsense\n`, "-Tlint")).toContain("Nonsense");
  });

  test("simpletcpunixrelay(1) shows each form of an address", async () => {
    const [page] = pages;
    const shown = (await mandoc(page?.text ?? "", "-Tascii", "-Owidth=200")).replace(
      /.\u0008/g,
      "",
    );
    const addresses = shown.slice(shown.indexOf("   Addresses"), shown.indexOf("\nOPTIONS"));
    const heads = [...addresses.matchAll(/^ {5}(\S.*?)(?: {2,}|$)/gm)].flatMap(([, head = ""]) =>
      head.split(", "),
    );
    const forms = ADDRESS_FORMS.replaceAll(/; as SOURCE also | or /g, ", ").split(", ");
    expect(forms.length).toBeGreaterThan(9);
    expect(forms.filter((form) => !heads.includes(form))).toEqual([]);
  });
});

await describeNeeding("groff, by which man(1) shows a page", [program("groff")], () => {
  test.each(pages.map(({ file, text }) => [file, text] as const))(
    "reads %s without a warning",
    async (_, text) => {
      const groff = Bun.spawn(["groff", "-mdoc", "-ww", "-Tutf8"], {
        stdin: Buffer.from(text),
        stdout: "pipe",
        stderr: "pipe",
      });
      const [shown, warnings] = await Promise.all([
        new Response(groff.stdout).text(),
        new Response(groff.stderr).text(),
      ]);
      expect(warnings).toBe("");
      expect(shown).toContain("January 2, 2026");
    },
  );
});
