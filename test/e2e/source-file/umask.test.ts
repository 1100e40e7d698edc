import { expect, setDefaultTimeout, test } from "bun:test";
import { chownSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeNeeding, program, root } from "../../support/machine/parts.ts";
import { executablePath, runRelay, startRelay } from "../../support/process/executable.ts";

setDefaultTimeout(60_000);

// Root may enter a folder without rights, so these tests need another user.
const NOBODY = 65_534;
const prefixOf = (umask: string) => [
  ...["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"],
  ...["sh", "-c", `umask ${umask}; exec "$0" "$@"`],
];

await describeNeeding("a umask that takes the owner's rights", [root, program("setpriv")], () => {
  test.each(["777", "700", "177"])("%s: a relay starts, and leaves nothing", async (umask) => {
    await executablePath();
    const folder = mkdtempSync(join(tmpdir(), "umask-"));
    chownSync(folder, NOBODY, NOBODY);
    const [source, admin] = [join(folder, "made/socket"), join(folder, "admin")];
    const words = ["--mode=0660", "--directory-mode=0755", `--admin=${admin}`, source, "@absent"];
    const relay = await startRelay(words, { prefix: prefixOf(umask) });
    expect(lstatSync(source).mode & 0o777).toBe(0o660);
    expect(await relay.stop()).toBe(0);
    expect(readdirSync(folder)).toEqual(["made"]);
    const env = { TMPDIR: folder };
    expect(await runRelay(["demo"], { prefix: prefixOf(umask), env })).toMatchObject({ code: 0 });
    expect(readdirSync(folder)).toEqual(["made"]);
    rmSync(folder, { recursive: true });
  });
});
